from benchmark import Count, Fraction, Positive, Run, algorithm, keep_top
from benchmark.scores import magnitude

from ._layerwise import Finetune, fine_tune, train_if_drawn


@algorithm(paper="arXiv:2012.09243", trains_once=False, family="after training")
def greg(
    run: Run, *, interval: Count = 10, limit: Positive = 1.0, settle: Fraction = 0.1, finetune: Finetune = 1.0
) -> None:
    """GReg-1: let an L2 penalty grow on the smallest weights until they are gone, then prune them (Wang et al., 2021).

    Of a trained network, the weights or units that go are those of smallest |w|, and stay these. It is trained by the
    whole recipe again, from the weights that it has, while a penalty of lambda w^2 / 2 on each of them grows in equal
    steps; then they are pruned, and what is left is trained. The authors' lambda grows by 1e-4 in 10 steps at a rate of
    1e-3, for 100,000 steps (MingSun-Tse/Regularization-Pruning); here it grows as fast as the recipe's length asks.

    Options:
        interval: steps between two raises of the penalty; the authors' is 10
        limit: the largest penalty; the authors' is 1
        settle: share of the second training at the largest penalty; the authors' is 10,000 of 110,000 steps
    """
    train_if_drawn(run)
    kept = keep_top(magnitude(run.weights), run.target)
    run.rewind(0)
    for step in run.steps():
        penalty, weights = grown(step.index, (1 - settle) * run.recipe.steps, interval, limit), run.weights
        for name in step.grads.keys() & kept.keys():
            step.grads[name].add_(weights[name] * ~kept[name], alpha=penalty)
    run.prune(kept)
    fine_tune(run, finetune)


def grown(step: int, last: float, interval: int, limit: float) -> float:
    """The penalty in a step: it is raised every `interval` steps, and is `limit` from step `last` on."""
    return limit * min(1.0, (step // interval + 1) * interval / last) if last else limit
