"""Keeps the weights with the highest scores, exactly as many as asked; of equal scores, the first ones.

Weights are counted and not compared with a threshold, so that ties do not change how many are kept.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from benchmark.pruning.masks import Masks

Scores = Mapping[str, Tensor]
"""One number per weight of every prunable tensor, by name; weights with higher scores are kept longer."""


def keep_each(scores: Scores, counts: Mapping[str, int], among: Masks | None = None) -> Masks:
    """Keep the `counts[name]` highest-scoring weights of every tensor, for methods that set the layer densities."""
    masks = {}
    for name, score in scores.items():
        live = None if among is None else among[name].reshape(-1)
        masks[name] = top(checked(name, score).reshape(-1), counts[name], live).view(score.shape)
    return Masks(masks)


def noise(weights: Scores, rng: torch.Generator) -> dict[str, Tensor]:
    """Random scores, uniform on [0, 1), the same on every device; float64, so that ties do not occur in practice."""
    return {
        name: torch.rand(weight.shape, generator=rng, dtype=torch.float64).to(weight.device)
        for name, weight in weights.items()
    }


def count_of(density: float, total: int) -> int:
    """How many of `total` weights a density keeps. Raises ValueError if that is none."""
    count = round(density * total)
    if count == 0:
        raise ValueError(f"density {density:g} keeps none of {total:,} weights")
    return count


def checked(name: str, score: Tensor) -> Tensor:
    """The scores of a tensor, detached. Raises ValueError if one is NaN."""
    if bool(score.isnan().any()):
        raise ValueError(f"the scores of '{name}' hold NaN; they cannot be ranked")
    return score.detach()


def top(scores: Tensor, count: int, live: Tensor | None) -> Tensor:
    """A mask of the `count` highest scores, [n] -> bool [n]; of equal scores the first ones.

    Args:
        live: the positions to choose from, bool [n]; None for all of them.

    Raises:
        ValueError: there are fewer than `count` positions.
    """
    if live is not None:
        positions = _positions(live)
        if count > positions.numel():
            raise ValueError(f"{count:,} weights were asked, only {positions.numel():,} are left to choose from")
        chosen = torch.zeros_like(live)
        chosen[positions] = top(scores[positions], count, None)
        return chosen
    if count > scores.numel():
        raise ValueError(f"{count:,} weights were asked, only {scores.numel():,} are left to choose from")
    if count == scores.numel() or count == 0:
        return torch.full_like(scores, count > 0, dtype=torch.bool)
    lowest_kept = _kth_smallest(scores, scores.numel() - count)
    chosen = scores > lowest_kept
    ties = _positions(scores == lowest_kept)
    chosen[ties[: count - int(chosen.count_nonzero())]] = True
    return chosen


def _positions(mask: Tensor) -> Tensor:
    """The indices at which a mask is true. On a CPU, numpy finds them several times as fast as torch."""
    return torch.from_numpy(np.flatnonzero(mask.numpy())) if mask.device.type == "cpu" else mask.nonzero().squeeze(1)


def _kth_smallest(scores: Tensor, k: int) -> Tensor:
    """The value at index k of the ascending order, as a tensor of one element.

    On a CPU, numpy's partition is three times as fast as torch's kthvalue. On a GPU, kthvalue is not deterministic, but
    a sort is.
    """
    if scores.device.type == "cpu" and scores.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(np.partition(scores.numpy(), k)[k : k + 1])
    return scores.sort().values[k : k + 1]
