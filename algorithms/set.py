from typing import Literal

from benchmark import Count, Distribution, Fraction, Run, algorithm, noise, regrow, sparse_start
from benchmark.schedules import cosine
from benchmark.scores import magnitude


@algorithm(paper="arXiv:1707.04780", family="during training")
def set(  # noqa: A001  # a built-in plug-in has the name of its file
    run: Run,
    *,
    interval: Count = 100,
    fraction: Fraction = 0.3,
    end: Fraction = 0.75,
    distribution: Literal["auto"] | Distribution = "auto",
) -> None:
    """SET: train sparse; drop the smallest weights, grow at random (Mocanu et al., 2018).

    Weights are dropped by magnitude and the share decays along a cosine, as in the comparison of Evci et al. (2020).
    Masks change between the backward pass and the update, so that grown weights take part in the update.

    Options:
        interval: steps between mask updates
        fraction: share of each layer's weights moved by the first update, decayed to 0 along a cosine
        end: time of the last mask update, as a share of training
        distribution: fixed layer densities; auto is ERK under `global`, and set by the pattern otherwise
    """
    run.prune(sparse_start(run.weights, run.rng, run.target, distribution))
    last = round(end * run.recipe.steps)
    for step in run.steps(at=range(interval, last, interval)):
        share = cosine(fraction, 0.0, step.index / last)
        run.prune(regrow(run.masks, magnitude(run.weights), noise(run.weights, run.rng), share, run.target))
