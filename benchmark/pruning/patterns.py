"""Patterns of single weights: anywhere in the network, by layer, or N of every M.

`benchmark.pruning.structured` has the patterns of weights that are kept together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from benchmark.pruning.masks import Masks, Ties
from benchmark.pruning.pattern_counts import counts
from benchmark.pruning.ranking import Cut, Scores, all_checked, checked, count_of, cut, cut_rows, keep_each


class Pattern(Protocol):
    """The positions in which weights may be kept. Patterns are immutable."""

    @property
    def name(self) -> str:
        """The name of the pattern on the command line."""

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        """Masks that keep the highest-scoring weights that the pattern allows, chosen from those that `among` keeps."""

    def breach(self, masks: Masks, density: float) -> str | None:
        """What is wrong with masks that should have this pattern at this density; None if nothing is."""

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        """The tensors that the pattern cannot be applied to, which stay dense, each with the reason."""


@dataclass(frozen=True)
class Anywhere:
    """Unstructured, ranked over all tensors together: exactly round(density * N) weights of the network are kept."""

    name: str = field(default="global", init=False)

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        flat = torch.cat([s.reshape(-1) for s in all_checked(scores).values()])
        live = None if among is None else torch.cat([among[name].reshape(-1) for name in scores])
        best, sizes = cut(flat, count_of(density, flat.numel()), live), [s.numel() for s in scores.values()]
        parts = zip(scores.items(), torch.split(best.chosen, sizes), strict=True)
        return Masks({name: part.view(s.shape) for (name, s), part in parts}, _ties(best, list(scores), sizes))

    def breach(self, masks: Masks, density: float) -> str | None:
        expected = count_of(density, masks.total)
        if masks.kept != expected:
            return f"{masks.kept:,} of {masks.total:,} weights are kept, {expected:,} were asked (density {density:g})"
        return None

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {}


def _ties(best: Cut, names: Sequence[str], sizes: Sequence[int]) -> Ties:
    """The tied scores of tensors that were ranked together, one after the other."""
    if not best.divides:
        return Ties()
    ends = torch.tensor(sizes, device=best.tied.device).cumsum(0)
    counts = torch.bincount(torch.searchsorted(ends, best.tied, right=True), minlength=len(sizes)).tolist()
    return Ties(best.tied_kept, {name: count for name, count in zip(names, counts, strict=True) if count})


@dataclass(frozen=True)
class Layer:
    """Unstructured, ranked within each tensor: exactly round(density * n) weights of every tensor are kept."""

    name: str = field(default="layer", init=False)

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        sizes = {name: score.numel() for name, score in scores.items()}
        return keep_each(scores, counts(self.name, sizes, density).tensors, among)

    def breach(self, masks: Masks, density: float) -> str | None:
        sizes = {name: mask.numel() for name, mask in masks.items()}
        for name, expected in counts(self.name, sizes, density).tensors.items():
            if (kept := masks.counts[name]) != expected:
                return f"'{name}' keeps {kept:,} of {sizes[name]:,} weights, {expected:,} were asked"
        return None

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class NofM:
    """At most n of every m consecutive weights along the input channels are kept.

    Sparse tensor cores run 2:4 for multiples of 8 output channels and of 16 input channels (NVIDIA's ASP). At densities
    above n/m, which a gradual schedule has at first, round(density * m) of every m are kept. A tensor whose number of
    input channels is not a multiple of m stays dense, and the record names it.
    """

    n: int
    m: int

    @property
    def name(self) -> str:
        return f"{self.n}:{self.m}"

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        count = count_of(density, self.m)
        exempt = self.exempt({name: s.shape for name, s in scores.items()})
        masks, tied_kept = dict[str, Tensor](), 0
        tied: dict[str, int] = {}
        for name, score in scores.items():
            masks[name] = torch.ones_like(score, dtype=torch.bool) if among is None else among[name]
            if name not in exempt:
                masks[name], ties, kept = self._keep_groups(checked(name, score), count, masks[name])
                tied, tied_kept = tied | ({name: ties} if ties else {}), tied_kept + kept
        return Masks(masks, Ties(tied_kept, tied))

    def breach(self, masks: Masks, density: float) -> str | None:
        count = count_of(density, self.m)
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

    def _keep_groups(self, score: Tensor, count: int, live: Tensor) -> tuple[Tensor, int, int]:
        """The mask of a tensor, the number of tied scores at the cuts of its groups, and how many of these are kept."""
        mask, tied, tied_kept = cut_rows(self._groups(score), count, self._groups(live))
        kept = mask.flatten(-2).movedim(-1, 1)
        if bool((kept & ~live).any()):
            raise ValueError(f"pattern {self.name}: a group of {self.m} has fewer than {count} live weights left")
        return kept, tied, tied_kept
