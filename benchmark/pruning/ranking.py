"""Choice by rank with a fixed tie-break: the higher score stays, and among equal scores the one that comes first.

Exactly the asked number is kept; no threshold is ever compared with.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from benchmark.pruning.masks import Masks

Scores = Mapping[str, Tensor]


def keep_each(scores: Scores, counts: Mapping[str, int], among: Masks | None = None) -> Masks:
    """The `counts[name]` highest-scoring weights of every tensor: for methods that decide how many each layer keeps."""
    masks = {}
    for name, score in scores.items():
        live = None if among is None else among[name].reshape(-1)
        masks[name] = top(checked(name, score).reshape(-1), counts[name], live).view(score.shape)
    return Masks(masks)


def noise(weights: Scores, rng: torch.Generator) -> dict[str, Tensor]:
    """Uniform on [0, 1), in float64 so that ties do not happen; drawn on the CPU, so that devices agree."""
    return {
        name: torch.rand(weight.shape, generator=rng, dtype=torch.float64).to(weight.device)
        for name, weight in weights.items()
    }


def count_of(density: float, total: int) -> int:
    """How many of `total` weights a density keeps. Raises ValueError where that is none."""
    count = round(density * total)
    if count == 0:
        raise ValueError(f"density {density:g} keeps none of {total:,} weights")
    return count


def checked(name: str, score: Tensor) -> Tensor:
    """The scores of a tensor, detached. Raises ValueError where one is NaN."""
    if bool(score.isnan().any()):
        raise ValueError(f"the scores of '{name}' hold NaN; they cannot be ranked")
    return score.detach()


def top(scores: Tensor, count: int, live: Tensor | None) -> Tensor:
    """[n] -> bool [n]: the `count` best of the live ones, the earlier one where scores tie.

    Raises:
        ValueError: there are fewer.
    """
    if live is not None:
        where = _places(live)
        if count > where.numel():
            raise ValueError(f"{count:,} weights were asked, only {where.numel():,} are left to choose from")
        chosen = torch.zeros_like(live)
        chosen[where] = top(scores[where], count, None)
        return chosen
    if count > scores.numel():
        raise ValueError(f"{count:,} weights were asked, only {scores.numel():,} are left to choose from")
    if count == scores.numel() or count == 0:
        return torch.full_like(scores, count > 0, dtype=torch.bool)
    bar = _kth_smallest(scores, scores.numel() - count)
    chosen = scores > bar
    ties = _places(scores == bar)
    chosen[ties[: count - int(chosen.count_nonzero())]] = True
    return chosen


def _places(mask: Tensor) -> Tensor:
    """Where it is true. On a CPU numpy's search is some times as fast as torch's."""
    return torch.from_numpy(np.flatnonzero(mask.numpy())) if mask.device.type == "cpu" else mask.nonzero().squeeze(1)


def _kth_smallest(scores: Tensor, k: int) -> Tensor:
    """The value at index k of the ascending order.

    On a CPU numpy's select is three times as fast as torch's; on a GPU torch's is not deterministic, and a sort is.
    """
    if scores.device.type == "cpu" and scores.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(np.partition(scores.numpy(), k)[k : k + 1])
    return scores.sort().values[k : k + 1]
