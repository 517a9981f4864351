"""Sparse starts, and drop-and-grow within each tensor: what SET, RigL and GraNet share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch

from benchmark import Anywhere, Masks, Run, Target, keep_each, keep_top, noise
from benchmark.pruning import layer_densities
from benchmark.pruning.structured import Blocks, Channels

from ._scores import Tensors

Distribution = Literal["auto"] | layer_densities.Distribution


def sparse_start(run: Run, target: Target, distribution: Distribution = "auto") -> Masks:
    """Random masks at the target: under `global` with the layer densities of the distribution, `auto` being ERK.

    Raises:
        ValueError: a distribution is named, and the pattern sets the layer densities itself.
    """
    scores = noise(run.weights, run.rng)
    if isinstance(target.pattern, Anywhere):
        shapes = {name: weight.shape for name, weight in run.weights.items()}
        return keep_each(
            scores,
            layer_densities.weights_per_layer(
                "erk" if distribution == "auto" else distribution, shapes, target.density
            ),
        )
    if distribution != "auto":
        raise ValueError(f"pattern {target.pattern.name} sets the layer densities; distribution must be left out")
    return keep_top(scores, target)


def regrow(
    masks: Masks,
    drop: Tensors,
    grow: Tensors,
    share: float,
    target: Target,
    rounding: Callable[[float], int] = math.floor,
) -> Masks:
    """In every tensor, drop `share` of the live weights, lowest `drop` first, and grow as many, highest `grow` first.

    What was dropped may grow again at once. The number of live weights of a tensor does not change, and under N:M
    not that of a group; blocks and channels are dropped and grown whole, over all tensors.
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
