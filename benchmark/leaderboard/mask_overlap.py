"""Masks as bytes, one bit a weight, and what two of them share. Numpy alone, so that reading verbs need no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from benchmark.records.mask_files import Bits


@dataclass(frozen=True)
class Overlap:
    """What two masks of one tensor, or of a whole network, share.

    Args:
        total: weights.
        first, second: kept by each.
        both: kept by both.
        chance: what `both` would be on average if each kept its number in every tensor at random.
        most: what `both` could be at most.
    """

    total: int
    first: int
    second: int
    both: int
    chance: float
    most: int

    @property
    def jaccard(self) -> float:
        """Kept by both over kept by either; 1 where neither keeps any."""
        either = self.first + self.second - self.both
        return self.both / either if either else 1.0

    @property
    def beyond_chance(self) -> float | None:
        """(both - chance) / (most - chance): 1 for equal or nested masks, 0 for what chance gives, less for less.

        None where the counts leave nothing to chance.
        """
        room = self.most - self.chance
        return (self.both - self.chance) / room if room > 1e-9 * self.total else None


def overlaps(first: Bits, second: Bits) -> dict[str, Overlap]:
    """The overlap of two masks tensor by tensor.

    Raises:
        ValueError: they are masks of different networks.
    """
    if {name: mask.shape for name, mask in first.items()} != {name: mask.shape for name, mask in second.items()}:
        raise ValueError("the masks are of different networks: their tensors differ in name or shape")
    return {name: _overlap(mask, second[name]) for name, mask in first.items()}


def _overlap(first: Any, second: Any) -> Overlap:
    a, b, both = int(first.sum()), int(second.sum()), int((first & second).sum())
    return Overlap(first.size, a, b, both, a * b / max(1, first.size), min(a, b))


def whole(parts: Mapping[str, Overlap]) -> Overlap:
    """The overlap over all tensors. Layer densities that agree are chance here, not agreement."""
    return Overlap(*(sum(getattr(part, field.name) for part in parts.values()) for field in fields(Overlap)))
