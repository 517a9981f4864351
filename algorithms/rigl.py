from typing import Literal

from benchmark import Count, Distribution, Fraction, Run, algorithm, regrow, sparse_start
from benchmark.schedules import cosine
from benchmark.scores import magnitude


@algorithm(paper="arXiv:1911.11134", family="during training")
def rigl(
    run: Run,
    *,
    interval: Count = 100,
    fraction: Fraction = 0.3,
    end: Fraction = 0.75,
    distribution: Literal["auto"] | Distribution = "auto",
) -> None:
    """RigL: train sparse; drop the smallest weights, grow where the gradient is largest (Evci et al., 2020).

    Options:
        interval: steps between mask updates, each of which replaces an update of the weights
        fraction: share of each layer's weights moved by the first update, decayed to 0 along a cosine
        end: time of the last mask update, as a share of training
        distribution: fixed layer densities; auto is ERK under `global`, and set by the pattern otherwise
    """
    run.prune(sparse_start(run.weights, run.rng, run.target, distribution))
    last = round(end * run.recipe.steps)
    moves = fraction > 0 and run.target.density < 1  # otherwise masks never change and every step updates the weights
    for step in run.steps(at=range(interval, last, interval) if moves else ()):
        share = cosine(fraction, 0.0, step.index / last)
        run.prune(regrow(run.masks, magnitude(run.weights), magnitude(step.grads), share, run.target))
        step.skip()
