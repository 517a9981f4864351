from typing import Literal

from benchmark import Fraction, Masks, Run, algorithm, keep_top, noise
from benchmark import regrow as regrown
from benchmark.scores import magnitude, sensitivity

from ._held import held

RECALIBRATION = 20
"""Training batches from which the statistics of norm layers are estimated again."""


@algorithm(paper="arXiv:2106.10404", trains_once=False)
def plasticity(
    run: Run,
    *,
    at: Fraction = 0.5,
    tune: Fraction = 0.5,
    criterion: Literal["magnitude", "random", "snip"] = "magnitude",
    regrow: Fraction = 0.0,
) -> None:
    """Plasticity: how well a network recovers when it is pruned at a moment of its training (Liu et al., 2021).

    The schedule ends there: what follows pruning is at the learning rate of that moment, held, with a fresh optimizer.
    Metrics of the validation split are in `noted.plasticity`: before pruning, after it, after it with the statistics of
    norm layers estimated again from 20 training batches, and at the end. At sparsity 0 the dense network trains on.

    Options:
        at: the moment, as a share of training
        tune: length of the training that follows, as a share of training
        criterion: what is pruned first: the smallest weights, random ones, or those of the lowest SNIP score
        regrow: share of each layer's kept weights, the smallest, that give way to pruned ones of the largest gradients
    """
    run.train(round(at * run.recipe.steps))
    told = {"before": run.evaluate()}
    run.prune(chosen(run, criterion))
    if regrow:
        grow = magnitude(run.gradients())
        run.prune(regrown(run.masks, magnitude(run.weights), grow, regrow, run.target))
    told["pruned"] = run.evaluate()
    told["recalibrated"] = recalibrated(run)
    held(run, round(tune * run.recipe.steps))
    run.note("plasticity", told | {"after": run.evaluate()})


def chosen(run: Run, criterion: str) -> Masks:
    """Return the masks of the weights that a criterion keeps."""
    weights = run.weights
    if criterion == "random":
        return keep_top(noise(weights, run.rng), run.target)
    scores = magnitude(weights) if criterion == "magnitude" else sensitivity(weights, run.gradients())
    return keep_top(scores, run.target)


def recalibrated(run: Run) -> dict[str, float]:
    """Return the metrics with the statistics of norm layers that training batches give now. The network stays."""
    if not (statistics := run.statistics(run.batches(RECALIBRATION))):
        return run.evaluate()
    now = run.snapshot()
    run.write(statistics)
    metrics = run.evaluate()
    run.restore(now)
    return metrics
