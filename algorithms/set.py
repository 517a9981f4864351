from typing import Literal

from benchmark import Count, Distribution, Fraction, Run, algorithm, noise, regrow, sparse_start
from benchmark.schedules import cosine
from benchmark.scores import magnitude


@algorithm(paper="arXiv:1707.04780", family="during training")
def set(  # noqa: A001  # a built-in plug-in is a file whose name is its name
    run: Run,
    *,
    interval: Count = 100,
    fraction: Fraction = 0.3,
    end: Fraction = 0.75,
    distribution: Literal["auto"] | Distribution = "auto",
) -> None:
    """SET: train sparse; drop the smallest weights, grow at random (Mocanu et al., 2018).

    Weights are dropped by magnitude and the share falls along a cosine, as in the comparison of Evci et al. (2020).
    Masks move between backward and update: what has just grown takes part in the update.

    Options:
        interval: steps before the first mask update and between two
        fraction: share of each layer's weights that the first update moves; it falls to 0 along a cosine
        end: when the last update is, as a share of training
        distribution: layer densities, which never change; auto is ERK under `global`, and what other patterns set
    """
    run.prune(sparse_start(run.weights, run.rng, run.target, distribution))
    last = round(end * run.recipe.steps)
    for step in run.steps():
        if 0 < step.index < last and step.index % interval == 0:
            share = cosine(fraction, 0.0, step.index / last)
            run.prune(regrow(run.masks, magnitude(run.weights), noise(run.weights, run.rng), share, run.target))
