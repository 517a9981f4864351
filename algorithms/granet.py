import math

from algorithms._regrowth import regrow, sparse_start
from algorithms._schedules import cosine, cubic, due
from algorithms._scores import magnitude
from benchmark import Count, Fraction, Run, Sparsity, algorithm, keep_top


@algorithm(paper="arXiv:2106.10404")
def granet(
    run: Run,
    *,
    initial: Sparsity = 0.0,
    begin: Fraction = 0.0,
    end: Fraction = 0.5,
    interval: Count = 100,
    fraction: Fraction = 0.5,
) -> None:
    """GraNet: gradual magnitude pruning with zero-cost neuroregeneration (Liu et al., 2021).

    Options:
        initial: sparsity at the start, with random ERK masks; 0 starts dense
        begin: where gradual pruning begins, as a share of training
        end: where the target is met, exactly; regeneration goes on to the end of training
        interval: steps between two mask updates
        fraction: share of each layer's weights that regeneration moves; it falls to 0.005 along a cosine
    """
    if 1 - initial < run.target.density:
        raise ValueError(f"initial sparsity {initial:g} is above the target's {1 - run.target.density:g}")
    steps, target = run.recipe.steps, run.target.to(1 - initial)
    first, last = round(begin * steps), round(end * (steps - 1))
    if initial:
        run.prune(sparse_start(run, target))
    for step in run.steps():
        if due(step.index, first, last, interval):  # gradual pruning
            progress = (step.index - first) / max(1, last - first)
            target = target.to(cubic(1 - initial, run.target.density, progress))
            run.prune(keep_top(magnitude(run.weights), target, among=run.masks))
        if fraction and due(step.index, first, steps, interval):  # zero-cost neuroregeneration
            share = cosine(fraction, 0.005, step.index / steps)
            grow = magnitude(step.grads)
            run.prune(regrow(run.masks, magnitude(run.weights), grow, share, target, rounding=math.ceil))
