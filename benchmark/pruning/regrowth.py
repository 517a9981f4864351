"""Masks for sparse training: random ones to start from, and updates that drop some weights and grow others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch

from benchmark.errors import Inapplicable
from benchmark.pruning.layer_densities import Distribution, weights_per_layer
from benchmark.pruning.masks import Masks
from benchmark.pruning.patterns import Anywhere
from benchmark.pruning.ranking import Scores, keep_each, noise
from benchmark.pruning.structured import Blocks, Channels
from benchmark.pruning.target import Target, keep_top


def sparse_start(
    weights: Scores, rng: torch.Generator, target: Target, distribution: Literal["auto"] | Distribution = "auto"
) -> Masks:
    """Random masks with the target's density and pattern.

    Args:
        weights: the prunable tensors; only their shapes and devices are read.
        rng: the generator to draw from, `run.rng`.
        distribution: the rule for the layer densities under the pattern `global`; `auto` is ERK (Evci et al., 2020).
            Other patterns set the layer densities themselves, and take `auto` only.

    Raises:
        Inapplicable: the rule cannot meet the density, or one is named although the pattern sets the layer densities.
    """
    scores = noise(weights, rng)
    if isinstance(target.pattern, Anywhere):
        shapes = {name: weight.shape for name, weight in weights.items()}
        return keep_each(
            scores, weights_per_layer("erk" if distribution == "auto" else distribution, shapes, target.density)
        )
    if distribution != "auto":
        raise Inapplicable(f"pattern {target.pattern.name} sets the layer densities; distribution must be left out")
    return keep_top(scores, target)


def regrow(
    masks: Masks,
    drop: Scores,
    grow: Scores,
    share: float,
    target: Target,
    rounding: Callable[[float], int] = math.floor,
) -> Masks:
    """Drop a share of the kept weights of every tensor, and grow the same number of pruned ones.

    A dropped weight may grow back at once. The number of kept weights of a tensor does not change, nor, with N:M, that
    of a group. Blocks and channels are dropped and grown as a whole, ranked over all tensors.

    Args:
        drop: scores by which weights are dropped, the lowest first.
        grow: scores by which weights grow, the highest first.
        share: the share of kept weights to drop, in [0, 1].
        rounding: rounds `share` times the number of kept weights to the number of weights to drop.

    Raises:
        ValueError: a score is NaN.
    """
    drop, grow = target.oriented(drop), target.oriented(grow)
    if isinstance(target.pattern, Blocks | Channels):
        kept = target.pattern.keep(drop, (1 - share) * target.density, among=masks)
    else:
        left = {name: count - rounding(share * count) for name, count in masks.counts.items()}
        kept = keep_each(drop, left, among=masks)
    scores = {name: grow[name].masked_fill(mask, torch.inf) for name, mask in kept.items()}  # kept weights stay kept
    if isinstance(target.pattern, Anywhere):
        return keep_each(scores, masks.counts)
    return target.pattern.keep(scores, target.density)
