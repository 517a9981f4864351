import torch

from benchmark import Amount, Count, Run, algorithm, keep_top, noise
from benchmark.scores import Tensors

from ._learned import search_recipe, signed_constant, straight_through


@algorithm(paper="arXiv:2202.12002", trains_once=False, family="learned masks")
def gem_miner(run: Run, *, rounds: Count = 29, penalty: Amount = 3e-5, rate: Amount = 0.1) -> None:
    """Gem-Miner: learn scores of frozen weights, freeze the weakest away, then train (Sreenivasan et al., 2022).

    A weight is used if its score, clipped to [0, 1], rounds to 1. The final training follows the task's recipe and uses
    the mask of the freezing schedule, as the authors' option `unflag_before_finetune` does.

    Options:
        rounds: how often the smallest scores are frozen to 0 for good, evenly spaced over the search; 29 is every fifth
            of 150 epochs, as in the authors' configurations of ResNet-20 on CIFAR-10
        penalty: weight of the sum of squared scores in the loss; 3e-5 is the authors' for ResNet-20 on CIFAR-10 at
            sparsity 0.96 alone, where theirs range from 1e-8 (0.5) to 1e-4 (0.99)
        rate: initial learning rate of the scores, decayed to 0 along a cosine
    """
    signed_constant(run)
    start, weights, steps = run.snapshot(), run.weights, run.recipe.steps
    events = {round(done / (rounds + 1) * steps): done for done in range(1, rounds + 1)}

    def rounded(scores: Tensors) -> Tensors:
        with torch.no_grad():
            for score in scores.values():
                score.clamp_(0, 1)
        used = {name: (score > 0.5) & run.masks[name] for name, score in scores.items()}
        return straight_through(weights, used, scores)

    def distinct(scores: Tensors) -> Tensors:
        """Break ties at random: many scores are clipped to exactly 0 or 1. The noise reorders only equal scores."""
        draws = noise(scores, run.rng)
        return {name: score.detach().clamp(0, 1).double() + 1e-9 * draws[name] for name, score in scores.items()}

    drawn = {name: draw.to(weights[name].dtype) for name, draw in noise(weights, run.rng).items()}
    with run.learning(drawn, rounded, search_recipe(run, rate, 0.0)) as scores:
        for step in run.steps():
            for name, score in scores.items():
                step.grads[name].add_(score.detach(), alpha=2 * penalty)
            if step.index in events:
                run.prune(
                    keep_top(distinct(scores), run.target.at_progress(events[step.index] / rounds), among=run.masks)
                )
            if not any(bool((score > 0.5).any()) for score in scores.values()):
                break  # every score rounds to 0, so that nothing can be learned any more
    run.prune(keep_top(distinct(scores), run.target, among=run.masks))
    run.restore(start)
    run.train()
