"""Keeps the weights with the highest scores, exactly as many as requested; among equal scores, the first ones.

Weights are counted, not compared with a threshold, so that ties do not change how many are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmark.pruning.masks import Masks, Ties
from benchmark.pruning.selection import split

Scores = Mapping[str, Tensor]
"""One number per weight of every prunable tensor, by name; weights with higher scores are kept longer."""


def keep_each(scores: Scores, counts: Mapping[str, int], among: Masks | None = None) -> Masks:
    """Keep the `counts[name]` highest-scoring weights of every tensor, for methods that set the layer densities."""
    cuts = {}
    for name, score in all_checked(scores).items():
        live = None if among is None else among[name].reshape(-1)
        cuts[name] = cut(score.reshape(-1), counts[name], live)
    tied = {name: cut.tied.numel() for name, cut in cuts.items() if cut.divides}
    ties = Ties(sum(cut.tied_kept for cut in cuts.values() if cut.divides), tied)
    return Masks({name: cuts[name].chosen.view(score.shape) for name, score in scores.items()}, ties)


def noise(weights: Scores, rng: torch.Generator) -> dict[str, Tensor]:
    """Random scores, uniform on [0, 1), the same on every device; float64, so that ties do not occur in practice."""
    return {
        name: torch.rand(weight.shape, generator=rng, dtype=torch.float64).to(weight.device)
        for name, weight in weights.items()
    }


def count_of(density: float, total: int) -> int:
    """How many of `total` weights a density keeps. Raises ValueError if that is none, though there are some."""
    count = round(density * total)
    if count == 0 < total:
        raise ValueError(f"density {density:g} keeps none of {total:,} weights")
    return count


def checked(name: str, score: Tensor) -> Tensor:
    """The scores of a tensor, detached. Raises ValueError if one is NaN."""
    if bool(score.sum().isnan()) and bool(score.isnan().any()):  # the sum, at a tenth of the time, rules it out
        raise ValueError(f"the scores of '{name}' hold NaN; they cannot be ranked")
    return score.detach()


def all_checked(scores: Scores) -> dict[str, Tensor]:
    """The scores, detached. Raises ValueError if one is NaN. All are checked at once: a GPU is waited for once."""
    sums = [score.detach().sum().double() for score in scores.values()]
    if sums and bool(torch.stack(sums).isnan().any()):
        return {name: checked(name, score) for name, score in scores.items()}
    return {name: score.detach() for name, score in scores.items()}


@dataclass(frozen=True)
class Cut:
    """The highest scores of a ranking.

    Args:
        chosen: bool [n], whether each score is one of them.
        tied: int64 [k], the positions of the scores that equal the lowest chosen one; empty if all or none are chosen.
        tied_kept: how many of these are chosen, the first ones.
    """

    chosen: Tensor
    tied: Tensor
    tied_kept: int

    @property
    def divides(self) -> bool:
        """Whether some of the tied scores are chosen and others are not."""
        return 0 < self.tied_kept < self.tied.numel()


def top(scores: Tensor, count: int, live: Tensor | None) -> Tensor:
    """A mask of the `count` highest scores, as `cut` chooses them: [n] -> bool [n]."""
    return cut(scores, count, live).chosen


def cut(scores: Tensor, count: int, live: Tensor | None) -> Cut:
    """Choose the `count` highest scores of [n]; among equal scores, the first ones.

    Args:
        live: the positions to choose from, bool [n]; None for all of them.

    Raises:
        ValueError: there are fewer than `count` positions.
    """
    if live is not None:
        positions = _positions(live)
        if count > positions.numel():
            raise ValueError(f"{count:,} weights were asked, only {positions.numel():,} are left to choose from")
        inner, chosen = cut(scores[positions], count, None), torch.zeros_like(live)
        chosen[positions] = inner.chosen
        return Cut(chosen, positions[inner.tied], inner.tied_kept)
    if count > scores.numel():
        raise ValueError(f"{count:,} weights were asked, only {scores.numel():,} are left to choose from")
    if count == scores.numel() or count == 0:
        none = torch.empty(0, dtype=torch.int64, device=scores.device)
        return Cut(torch.full_like(scores, count > 0, dtype=torch.bool), none, 0)
    chosen, ties = _split(scores, scores.numel() - count)
    tied_kept = count - _count(chosen)
    chosen[ties[:tied_kept]] = True
    return Cut(chosen, ties, tied_kept)


def cut_rows(scores: Tensor, count: int, live: Tensor) -> tuple[Tensor, int, int]:
    """Choose the `count` highest live scores of every row of [..., m]; among equal ones the first, and dead ones last.

    Args:
        live: whether each score may be chosen, bool [..., m]. A row with too few of them gets dead ones as well.

    Returns:
        The chosen scores, bool [..., m]; how many live scores equal the lowest chosen one of their row, in rows where
        not all of these are chosen; and how many of them are chosen.
    """
    order = scores.sort(dim=-1, descending=True, stable=True).indices
    dead_last = (~live).gather(-1, order).to(torch.uint8).sort(dim=-1, stable=True).indices
    ranked = order.gather(-1, dead_last)
    chosen = torch.zeros_like(scores, dtype=torch.bool).scatter_(-1, ranked[..., :count], True)
    ordered = scores.gather(-1, ranked)
    tied = (ordered == ordered[..., count - 1 : count]) & live.gather(-1, ranked)
    tied &= tied[..., count:].any(dim=-1, keepdim=True)
    return chosen, int(tied.count_nonzero()), int(tied[..., :count].count_nonzero())


def _positions(mask: Tensor) -> Tensor:
    """The indices at which a mask is true. On a CPU, numpy finds them several times as fast as torch."""
    return torch.from_numpy(np.flatnonzero(mask.numpy())) if mask.device.type == "cpu" else mask.nonzero().squeeze(1)


def _count(mask: Tensor) -> int:
    """How many are true. On a CPU, numpy counts them ten times as fast as torch."""
    return int(np.count_nonzero(mask.numpy())) if mask.device.type == "cpu" else int(mask.count_nonzero())


def _split(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Whether each score is above the one at index `k` of the ascending order, and the positions of those equal to it.

    On a GPU, torch's kthvalue is not deterministic, but a sort is.
    """
    if scores.device.type == "cpu" and scores.dtype in (torch.float32, torch.float64):
        found = split(scores.numpy(), k)
        return torch.from_numpy(found.above), torch.from_numpy(found.equal)
    lowest_kept = scores.sort().values[k : k + 1]
    return scores > lowest_kept, _positions(scores == lowest_kept)
