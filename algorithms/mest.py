from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from benchmark import (
    Amount,
    Anywhere,
    Count,
    Distribution,
    Fraction,
    Inapplicable,
    Masks,
    Run,
    Target,
    algorithm,
    keep_each,
    noise,
    regrow,
    sparse_start,
)
from benchmark.schedules import progress, updates, window
from benchmark.scores import Tensors, magnitude

LAST = 0.75
"""The end of mutation, as a share of training."""


@algorithm(paper="arXiv:2110.14032", family="during training")
def mest(
    run: Run,
    *,
    interval: Count = 100,
    mutation: Fraction = 0.2,
    soft: bool = False,
    gradient: Amount = 0.0,
    distribution: Literal["auto"] | Distribution = "auto",
) -> None:
    """MEST: drop the least important weights and grow others at random, ever fewer of them (Yuan et al., 2021).

    Elastic mutation (EM) drops and grows as many in every layer. With a soft memory bound (EM&S), weights grow above
    the target, train, and as many are dropped at the next update. Mutation is halved at 9/16 and ends at 3/4 of
    training, as in the authors' scripts for ResNet-32 on CIFAR-10 (boone891214/MEST: epochs 90 and 120 of 160).

    Options:
        interval: steps between mask updates; the scripts' is 5 epochs
        mutation: share of the target's weights that move at first; the scripts' is 0.2, and with `soft` 0.5
        soft: hold more weights than the target between updates (EM&S)
        gradient: weight of |dL/dw| beside |w| in the importance of a weight; 0 is the default of the authors' code.
            Only the gradients of kept weights are used, but all are counted in steps that update masks
        distribution: fixed layer densities; auto is ERK under `global`, and set by the pattern otherwise
    """
    run.prune(sparse_start(run.weights, run.rng, run.target, distribution))
    first, last = window(0.0, LAST, run.recipe.steps)
    base = run.masks.counts
    if soft:
        run.prune(exceeded(run.masks, noise(run.weights, run.rng), mutation, run.target, base))
        if mutation and run.target.density < 1 and run.masks.counts == base:
            raise Inapplicable(f"pattern {run.target.pattern.name} has no density a little above the target's for EM&S")
    for step in run.steps(at=updates(first, last, interval)):
        share, grow = falling(mutation, progress(step.index, first, last)), noise(run.weights, run.rng)
        drop = importance(run.weights, step.grads, gradient) if gradient else magnitude(run.weights)
        if soft:
            stay = kept(run.target.oriented(drop), 1.0, run.target, base, run.masks)
            run.prune(exceeded(stay, grow, share, run.target, base))
        else:
            run.prune(regrow(run.masks, drop, grow, share, run.target))


def falling(mutation: float, progress: float) -> float:
    """The share of weights that move: `mutation` until three quarters of the way, half of it, and none at the end."""
    return mutation * ((progress < 0.75) + (progress < 1)) / 2


def importance(weights: Tensors, gradients: Tensors, strength: float) -> dict[str, Tensor]:
    """|w| + strength |dL/dw|."""
    return {name: weight.abs() + strength * gradients[name].abs() for name, weight in weights.items()}


def exceeded(stay: Masks, grow: Tensors, share: float, target: Target, base: Mapping[str, int]) -> Masks:
    """Masks of what stays and of a share of the target's weights more, those with the highest `grow`."""
    scores = {name: score.masked_fill(stay[name], torch.inf) for name, score in target.oriented(grow).items()}
    return kept(scores, 1 + share, target, base)


def kept(scores: Tensors, factor: float, target: Target, base: Mapping[str, int], among: Masks | None = None) -> Masks:
    """Keep `factor` times the target's weights: of every layer, of those that it has in `base`, under `global`."""
    if isinstance(target.pattern, Anywhere):
        counts = {name: min(round(factor * base[name]), score.numel()) for name, score in scores.items()}
        return keep_each(scores, counts, among)
    return target.pattern.keep(scores, min(1.0, factor * target.density), among)
