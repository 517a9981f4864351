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
        interval: steps before the first mask update and between two, which take the place of the optimizer's
        fraction: share of each layer's weights that the first update moves; it falls to 0 along a cosine
        end: when the last update is, as a share of training
        distribution: layer densities, which never change; auto is ERK under `global`, and what other patterns set
    """
    run.prune(sparse_start(run.weights, run.rng, run.target, distribution))
    last = round(end * run.recipe.steps)
    moves = fraction > 0 and run.target.density < 1  # else no update may be skipped for one of the masks
    for step in run.steps():
        if 0 < step.index < last and step.index % interval == 0 and moves:
            share = cosine(fraction, 0.0, step.index / last)
            run.prune(regrow(run.masks, magnitude(run.weights), magnitude(step.grads), share, run.target))
            step.skip()
