"""How much to keep (Target), where it may lie (patterns), and the exact choice of the best (keep_top).

Selection is by rank with a fixed tie-break: the higher score stays, and among equal scores the one that comes first
(tensor order, then flat index). Exactly the asked number is kept; no threshold is ever compared with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from benchmark.masks import Masks

Scores = Mapping[str, Tensor]


class Pattern(Protocol):
    """Where kept weights may lie: a small frozen value."""

    @property
    def name(self) -> str:
        """Its spelling on the command line."""

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        """The best weights that the pattern allows, chosen among those that `among` keeps."""

    def breach(self, masks: Masks, density: float) -> str | None:
        """What is wrong with masks that claim this pattern at this density; None where nothing is."""

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        """The tensors that the pattern cannot cover and leaves dense, each with the reason."""


@dataclass(frozen=True)
class Anywhere:
    """Unstructured over all tensors together: exactly round(density * N) weights of the whole network."""

    name: str = field(default="global", init=False)

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        flat = torch.cat([_checked(name, s).reshape(-1) for name, s in scores.items()])
        live = None if among is None else torch.cat([among[name].reshape(-1) for name in scores])
        chosen = _top(flat, _count(density, flat.numel()), live)
        parts = torch.split(chosen, [s.numel() for s in scores.values()])
        return Masks({name: part.view(s.shape) for (name, s), part in zip(scores.items(), parts, strict=True)})

    def breach(self, masks: Masks, density: float) -> str | None:
        expected = _count(density, masks.total)
        if masks.kept != expected:
            return f"{masks.kept:,} of {masks.total:,} weights are kept, {expected:,} were asked (density {density:g})"
        return None

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class Layer:
    """Unstructured within each tensor: exactly round(density * n) weights of every one."""

    name: str = field(default="layer", init=False)

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        return keep_each(scores, {name: round(density * s.numel()) for name, s in scores.items()}, among)

    def breach(self, masks: Masks, density: float) -> str | None:
        for name, mask in masks.items():
            expected, kept = round(density * mask.numel()), int(mask.sum())
            if kept != expected:
                return f"'{name}' keeps {kept:,} of {mask.numel():,} weights, {expected:,} were asked"
        return None

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class NofM:
    """At most n of every m consecutive weights along the input channels (2:4 runs on sparse tensor cores).

    Densities above n/m, as a schedule passes through, keep round(density * m) of every m. A tensor whose input
    channels are not a multiple of m stays dense and is named in the record.
    """

    n: int
    m: int

    @property
    def name(self) -> str:
        return f"{self.n}:{self.m}"

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        count = _count(density, self.m)
        exempt = self.exempt({name: s.shape for name, s in scores.items()})
        masks = {}
        for name, score in scores.items():
            live = torch.ones_like(score, dtype=torch.bool) if among is None else among[name]
            masks[name] = live if name in exempt else self._keep_groups(_checked(name, score), count, live)
        return Masks(masks)

    def breach(self, masks: Masks, density: float) -> str | None:
        count = _count(density, self.m)
        exempt = self.exempt({name: mask.shape for name, mask in masks.items()})
        for name, mask in masks.items():
            if name in exempt:
                if not bool(mask.all()):
                    return f"'{name}' cannot follow {self.name} and should be dense: {exempt[name]}"
            elif not bool((self._groups(mask).sum(dim=-1) == count).all()):
                return f"'{name}' does not keep {count} of every {self.m} weights along its input channels"
        return None

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {
            name: f"{shape[1]} input channels are not a multiple of {self.m}"
            for name, shape in shapes.items()
            if shape[1] % self.m
        }

    def _groups(self, values: Tensor) -> Tensor:
        """[out, in, ...] -> [out, ..., in/m, m], a view or a copy."""
        channels_last = values.movedim(1, -1)
        return channels_last.reshape(*channels_last.shape[:-1], -1, self.m)

    def _keep_groups(self, score: Tensor, count: int, live: Tensor) -> Tensor:
        grouped = self._groups(score)
        order = grouped.sort(dim=-1, descending=True, stable=True).indices
        dead_last = self._groups(~live).gather(-1, order).to(torch.uint8).sort(dim=-1, stable=True).indices
        best = order.gather(-1, dead_last)[..., :count]
        mask = torch.zeros_like(grouped, dtype=torch.bool).scatter_(-1, best, True)
        kept = mask.flatten(-2).movedim(-1, 1)
        if bool((kept & ~live).any()):
            raise ValueError(f"pattern {self.name}: a group of {self.m} has fewer than {count} live weights left")
        return kept


@dataclass(frozen=True)
class Target:
    """What is asked of an algorithm: a density (kept / prunable) and the pattern it is kept in.

    Raises:
        ValueError: density outside (0, 1].
    """

    density: float
    pattern: Pattern = Anywhere()

    def __post_init__(self) -> None:
        if not 0 < self.density <= 1:
            raise ValueError(f"density must lie in (0, 1], got {self.density:g}; 90% sparsity is density 0.1")

    def at(self, progress: float) -> Target:
        """The target part of the way: density ** progress, the geometric schedule; progress in [0, 1]."""
        return replace(self, density=self.density**progress)


def keep_top(scores: Scores, target: Target, among: Masks | None = None) -> Masks:
    """The highest-scoring weights that the target's pattern and density allow.

    Args:
        scores: one score per weight, higher = kept longer.
        among: the weights to choose from; pruned ones cannot come back. All of them where it is None.

    Raises:
        ValueError: a score is NaN, or more weights are asked than `among` has.
    """
    return target.pattern.keep(scores, target.density, among)


def keep_each(scores: Scores, counts: Mapping[str, int], among: Masks | None = None) -> Masks:
    """The `counts[name]` highest-scoring weights of every tensor: for methods that set layer budgets themselves."""
    masks = {}
    for name, score in scores.items():
        live = None if among is None else among[name].reshape(-1)
        masks[name] = _top(_checked(name, score).reshape(-1), counts[name], live).view(score.shape)
    return Masks(masks)


def pattern_named(name: str) -> Pattern:
    """The pattern with this spelling: `global`, `layer`, or `N:M` such as `2:4`.

    Raises:
        ValueError: no such pattern.
    """
    if name == "global":
        return Anywhere()
    if name == "layer":
        return Layer()
    if match := re.fullmatch(r"(\d+):(\d+)", name):
        n, m = int(match[1]), int(match[2])
        if 0 < n <= m:
            return NofM(n, m)
    raise ValueError(f"no pattern named '{name}'; there are global, layer and N:M with 0 < N <= M, such as 2:4")


def _count(density: float, total: int) -> int:
    count = round(density * total)
    if count == 0:
        raise ValueError(f"density {density:g} keeps none of {total:,} weights")
    return count


def _checked(name: str, score: Tensor) -> Tensor:
    if bool(score.isnan().any()):
        raise ValueError(f"the scores of '{name}' hold NaN; they cannot be ranked")
    return score.detach()


def _top(scores: Tensor, count: int, live: Tensor | None) -> Tensor:
    """[n] -> bool [n]: the `count` best of the live ones, the earlier one where scores tie."""
    if live is not None:
        where = live.nonzero().squeeze(1)
        if count > where.numel():
            raise ValueError(f"{count:,} weights were asked, only {where.numel():,} are left to choose from")
        chosen = torch.zeros_like(live)
        chosen[where] = _top(scores[where], count, None)
        return chosen
    if count == scores.numel() or count == 0:
        return torch.full_like(scores, count > 0, dtype=torch.bool)
    bar = _kth_smallest(scores, scores.numel() - count)
    chosen = scores > bar
    ties = (scores == bar).nonzero().squeeze(1)
    chosen[ties[: count - int(chosen.sum())]] = True
    return chosen


def _kth_smallest(scores: Tensor, k: int) -> Tensor:
    """The value at index k of the ascending order. On a CPU numpy's select is three times as fast as torch's."""
    if scores.device.type == "cpu" and scores.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(np.partition(scores.numpy(), k)[k : k + 1])
    return scores.kthvalue(k + 1).values
