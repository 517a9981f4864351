import math
from collections.abc import Mapping
from typing import Literal

import torch

from benchmark import (
    Anywhere,
    Count,
    Distribution,
    Fraction,
    Masks,
    Run,
    Sparsity,
    Target,
    algorithm,
    allocate,
    keep_each,
    regrow,
    sparse_start,
)
from benchmark.schedules import cosine
from benchmark.scores import Tensors, magnitude


@algorithm(paper="arXiv:1907.04840", family="during training")
def sparse_momentum(
    run: Run,
    *,
    interval: Count = 100,
    fraction: Fraction = 0.5,
    momentum: Sparsity = 0.9,
    distribution: Literal["auto"] | Distribution = "auto",
) -> None:
    """Sparse momentum: drop small weights, grow where momentum is, layer by layer (Dettmers & Zettlemoyer, 2019).

    Known as SNFS. A layer's share of what grows is its mean |momentum| over kept weights; within it, pruned weights
    with the largest |momentum| grow. Under patterns other than `global`, layers keep their numbers of weights. The
    momentum is the method's own, of dense gradients, which are read in every step. The authors' code lets the total
    drift and corrects it later (TimDettmers/sparse_learning, core.py); here it is exact.

    Options:
        interval: steps between mask updates; the authors' is an epoch
        fraction: share of each layer's weights that the first update drops, decayed to 0 along a cosine
        momentum: by which factor older gradients fade
        distribution: layer densities at the start; auto is ERK under `global` (the authors' is uniform), and set by the
            pattern otherwise
    """
    run.prune(sparse_start(run.weights, run.rng, run.target, distribution))
    velocity = {name: torch.zeros_like(weight) for name, weight in run.weights.items()}
    update = redistributed if isinstance(run.target.pattern, Anywhere) else regrow
    for step in run.steps():
        for name, speed in velocity.items():
            speed.mul_(momentum).add_(step.grads[name])
        if step.index > 0 and step.index % interval == 0:
            share = cosine(fraction, 0.0, step.index / run.recipe.steps)
            run.prune(update(run.masks, magnitude(run.weights), magnitude(velocity), share, run.target))


def redistributed(masks: Masks, drop: Tensors, speed: Tensors, share: float, target: Target) -> Masks:
    """Drop a share of every tensor's kept weights, and grow as many over all tensors, by their mean `speed`."""
    left = {name: count - math.floor(share * count) for name, count in masks.counts.items()}
    stay = keep_each(target.oriented(drop), left, among=masks)
    mean = {name: float((speed[name] * mask).sum()) / max(1, masks.counts[name]) for name, mask in masks.items()}
    grown = quotas(masks.kept - stay.kept, mean, {name: mask.numel() - left[name] for name, mask in masks.items()})
    scores = {n: score.masked_fill(stay[n], torch.inf) for n, score in target.oriented(speed).items()}
    return keep_each(scores, {name: left[name] + grown[name] for name in left})


def quotas(total: int, worth: Mapping[str, float], room: Mapping[str, int]) -> dict[str, int]:
    """Share out `total` in proportion to `worth`. What a tensor has no room for goes to the others, in proportion."""
    shares = dict.fromkeys(worth, 0.0)
    while (rest := total - sum(shares.values())) > 1e-6:
        open_ = {name: worth[name] for name in worth if shares[name] < room[name]}
        weight = sum(open_.values())
        for name, value in open_.items():
            part = value / weight if weight else 1 / len(open_)
            shares[name] = min(room[name], shares[name] + rest * part)
    return allocate(shares, total)
