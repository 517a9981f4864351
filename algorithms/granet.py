import math
from typing import Annotated, Literal

from benchmark import Absent, Count, Distribution, Fraction, Run, Sparsity, algorithm, keep_top, regrow, sparse_start
from benchmark.schedules import cosine, cubic, due, progress, starting_density, updates, window
from benchmark.scores import magnitude


def ceil(share: float) -> int:
    """Round up, but ignore the floating-point error of a product that should be a whole number."""
    return math.ceil(share - 1e-9)


@algorithm(paper="arXiv:2106.10404", family="during training")
def granet(
    run: Run,
    *,
    initial: Sparsity = 0.0,
    begin: Fraction = 0.0,
    end: Fraction = 0.5,
    interval: Count = 100,
    fraction: Fraction = 0.5,
    distribution: Annotated[Literal["auto"] | Distribution, Absent("auto")] = "auto",
) -> None:
    """GraNet: gradual magnitude pruning with zero-cost neuroregeneration (Liu et al., 2021).

    Masks change between the backward pass and the update, so that a grown weight is updated at once with the gradient
    that selected it. The original code changes them after the update.

    Options:
        initial: sparsity at the start, with random masks; 0 starts dense, 0.5 is the authors' sparse start
        begin: start of gradual pruning, as a share of training
        end: when the target is reached exactly, as a share of training; regeneration continues to the end of training;
            a half is that of the authors' script for CIFAR (80 of 160 epochs)
        interval: steps between two mask updates; 100 is the default of the authors' command line, their script for
            CIFAR takes 1,000 and that for ImageNet 4,000
        fraction: share of each layer's weights moved by regeneration, decayed to 0.005 along a cosine
        distribution: layer densities of a sparse start; auto is ERK under `global`, and set by the pattern otherwise
    """
    steps, start = run.recipe.steps, starting_density(initial, run.target.density)
    (first, last), target = window(begin, end, steps), run.target.with_density(start)
    if initial:
        run.prune(sparse_start(run.weights, run.rng, target, distribution))
    for step in run.steps(at={*updates(first, last, interval), *updates(first, steps, interval)}):
        if due(step.index, first, last, interval):  # gradual pruning
            target = target.with_density(cubic(start, run.target.density, progress(step.index, first, last)))
            run.prune(keep_top(magnitude(run.weights), target, among=run.masks))
        if fraction and due(step.index, first, steps, interval):  # zero-cost neuroregeneration
            share = cosine(fraction, 0.005, step.index / steps)
            grow = magnitude(step.grads)
            run.prune(regrow(run.masks, magnitude(run.weights), grow, share, target, rounding=ceil))
