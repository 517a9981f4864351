"""Sparse training: a random sparse start, and dropping and growing weights within each tensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch

from benchmark.pruning.layer_densities import Distribution, weights_per_layer
from benchmark.pruning.masks import Masks
from benchmark.pruning.patterns import Anywhere
from benchmark.pruning.ranking import Scores, keep_each, noise
from benchmark.pruning.structured import Blocks, Channels
from benchmark.pruning.target import Target, keep_top


def sparse_start(
    weights: Scores, rng: torch.Generator, target: Target, distribution: Literal["auto"] | Distribution = "auto"
) -> Masks:
    """Random masks at the target: under pattern `global` with the layer densities of a distribution.

    Args:
        weights: the prunable tensors; only their shapes and devices are read.
        rng: what the masks are drawn from, `run.rng`.
        distribution: of the layer densities; `auto` is ERK (Evci et al., 2020) under `global`, and what the pattern
            sets under any other.

    Raises:
        ValueError: the distribution cannot meet the density, or one is named and the pattern sets the layer densities.
    """
    scores = noise(weights, rng)
    if isinstance(target.pattern, Anywhere):
        shapes = {name: weight.shape for name, weight in weights.items()}
        return keep_each(
            scores, weights_per_layer("erk" if distribution == "auto" else distribution, shapes, target.density)
        )
    if distribution != "auto":
        raise ValueError(f"pattern {target.pattern.name} sets the layer densities; distribution must be left out")
    return keep_top(scores, target)


def regrow(
    masks: Masks,
    drop: Scores,
    grow: Scores,
    share: float,
    target: Target,
    rounding: Callable[[float], int] = math.floor,
) -> Masks:
    """In every tensor, drop `share` of the live weights, lowest `drop` first, and grow as many, highest `grow` first.

    A weight that was dropped may grow again at once. The number of live weights of a tensor does not change, and under
    N:M not that of a group; blocks and channels are dropped and grown whole, over all tensors.

    Args:
        drop, grow: one score per weight, as for `keep_top`.
        share: in [0, 1].
        rounding: from share times live weights to how many are dropped.

    Raises:
        ValueError: a score is NaN.
    """
    drop, grow = target.oriented(drop), target.oriented(grow)
    if isinstance(target.pattern, Blocks | Channels):
        kept = target.pattern.keep(drop, (1 - share) * target.density, among=masks)
    else:
        left = {name: count - rounding(share * count) for name, count in masks.counts.items()}
        kept = keep_each(drop, left, among=masks)
    scores = {name: grow[name].masked_fill(mask, torch.inf) for name, mask in kept.items()}  # what is kept, stays
    if isinstance(target.pattern, Anywhere):
        return keep_each(scores, masks.counts)
    return target.pattern.keep(scores, target.density)
