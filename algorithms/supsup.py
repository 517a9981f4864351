from benchmark import Amount, Masks, Run, Share, algorithm, keep_each, noise
from benchmark.scores import Tensors, magnitude

from ._learned import search_recipe, signed_constant, straight_through


@algorithm(paper="arXiv:2006.14769", prunes=None, needs="streams", trains_once=False, family="learned masks")
def supsup(run: Run, *, kept: Share = 0.5, rate: Amount = 0.1, weight_decay: Amount = 1e-4) -> None:
    """SupSup: train no weight and learn for every part which to use, by edge-popup (Wortsman et al., 2020).

    Weights are signed constants, sign(w) sqrt(2 / fan-in) of their random initialisation w; the heads stay as they are
    initialised. Scores of every part start anew.

    Options:
        kept: share of each layer that a part uses
        rate: initial learning rate of the scores, decayed to 0 along a cosine in every part
        weight_decay: weight decay of the scores
    """
    signed_constant(run)
    weights = run.weights
    counts = {name: round(kept * weight.numel()) for name, weight in weights.items()}
    run.freeze(Masks.ones(weights))

    def best(scores: Tensors) -> Masks:
        return keep_each(magnitude(scores), counts)

    def effective(scores: Tensors) -> Tensors:
        return straight_through(weights, best(scores), magnitude(scores))

    for part in run.parts():
        with run.learning(drawn(run), effective, search_recipe(run, rate, weight_decay)) as scores:
            run.train()
        part.uses(best(scores))


def drawn(run: Run) -> Tensors:
    """Initial scores: Kaiming uniform, as edge-popup has them."""
    draws = noise(run.weights, run.rng)
    return {name: ((2 * draws[name] - 1) / w[0].numel() ** 0.5).to(w.dtype) for name, w in run.weights.items()}
