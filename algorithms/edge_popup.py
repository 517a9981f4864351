from algorithms._learned import search_recipe, signed_constant, straight_through
from algorithms._scores import Tensors, magnitude
from benchmark import Amount, Anywhere, Masks, Run, algorithm, keep_each, keep_top, noise
from benchmark.budgets import budgets


@algorithm(paper="arXiv:1911.13299", once=False, family="learned masks")
def edge_popup(run: Run, *, rate: Amount = 0.1, weight_decay: Amount = 1e-4, constant: bool = True) -> None:
    """Edge-popup: leave the weights as drawn and learn which of them to use (Ramanujan et al., 2020).

    Every forward uses the weights with the largest |score|, the same share of each layer under `global`.

    Options:
        rate: learning rate of the scores, falling to 0 along a cosine
        weight_decay: of the scores
        constant: give all weights of a layer one size, keeping their signs
    """
    if constant:
        signed_constant(run)
    weights = run.weights
    counts = budgets("uniform", {name: w.shape for name, w in weights.items()}, run.target.density)
    draws = noise(weights, run.rng)  # below: Kaiming uniform with a = sqrt(5)
    start = {name: ((2 * draws[name] - 1) / w[0].numel() ** 0.5).to(w.dtype) for name, w in weights.items()}

    def used(scores: Tensors) -> Masks:
        if isinstance(run.target.pattern, Anywhere):
            return keep_each(run.target.turned(magnitude(scores)), counts)
        return keep_top(magnitude(scores), run.target)

    with run.learning(
        start, lambda s: straight_through(weights, used(s), magnitude(s)), search_recipe(run, rate, weight_decay)
    ) as scores:
        run.train()
    run.prune(used(scores))
