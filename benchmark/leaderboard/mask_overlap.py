"""Measures the overlap of two masks. Uses NumPy only, so that commands that read records do not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from benchmark.results.mask_files import Bits


@dataclass(frozen=True)
class Overlap:
    """The overlap of two masks, of one tensor or of a whole network.

    Args:
        total: number of weights.
        first, second: weights kept by the first and by the second mask.
        both: weights kept by both.
        chance: expected value of `both` if each mask kept as many weights per tensor, chosen at random.
        most: largest possible value of `both`.
    """

    total: int
    first: int
    second: int
    both: int
    chance: float
    most: int

    @property
    def jaccard(self) -> float:
        """Weights kept by both over weights kept by either; 1 if neither mask keeps any."""
        either = self.first + self.second - self.both
        return self.both / either if either else 1.0

    @property
    def beyond_chance(self) -> float | None:
        """(both - chance) / (most - chance): 1 for equal or nested masks, 0 for random overlap, negative for less.

        None if the counts alone determine the overlap.
        """
        room = self.most - self.chance
        return (self.both - self.chance) / room if room > 1e-9 * self.total else None


def overlaps(first: Bits, second: Bits) -> dict[str, Overlap]:
    """Return the overlap of two masks for each tensor.

    Raises:
        ValueError: the masks belong to different networks.
    """
    if {name: mask.shape for name, mask in first.items()} != {name: mask.shape for name, mask in second.items()}:
        raise ValueError("the masks are of different networks: their tensors differ in name or shape")
    return {name: _overlap(mask, second[name]) for name, mask in first.items()}


def _overlap(first: Any, second: Any) -> Overlap:
    a, b, both = int(first.sum()), int(second.sum()), int((first & second).sum())
    return Overlap(first.size, a, b, both, a * b / max(1, first.size), min(a, b))


def whole(parts: Mapping[str, Overlap]) -> Overlap:
    """Return the overlap over all tensors. Equal layer densities count as chance, not as agreement."""
    return Overlap(*(sum(getattr(part, field.name) for part in parts.values()) for field in fields(Overlap)))
