"""`Masks`: which weights of each tensor are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ties:
    """The weights whose score equals the lowest kept score, if only some of them are kept: position decides which.

    Args:
        kept: how many of them are kept.
        layers: how many of them each tensor has, for tensors that have any.
    """

    kept: int = 0
    layers: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Their number over all tensors."""
        return sum(self.layers.values())

    @property
    def arbitrary(self) -> int:
        """How many of them are kept, or pruned if that is fewer, only because of their position."""
        return min(self.kept, self.total - self.kept)


class Masks(Mapping[str, Tensor]):
    """Boolean tensors by name, one per prunable tensor, in which `True` means kept.

    Masks are immutable; the operators `&`, `|` and `~` return new ones.

    Args:
        ties: equal scores at the cut of the ranking that the masks come from.

    Raises:
        TypeError: a mask is not boolean. A mask of floats could scale weights.
    """

    def __init__(self, masks: Mapping[str, Tensor], ties: Ties = Ties()) -> None:  # a frozen value
        for name, mask in masks.items():
            if mask.dtype != torch.bool:
                raise TypeError(f"the mask of '{name}' has dtype {mask.dtype}; masks are torch.bool, True = kept")
        self._masks = {name: mask.detach().clone() for name, mask in masks.items()}
        self.ties = ties

    @classmethod
    def ones(cls, weights: Mapping[str, Tensor]) -> Masks:
        """Masks that keep every weight."""
        return cls({name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()})

    def __getitem__(self, name: str) -> Tensor:
        return self._masks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._masks)

    def __len__(self) -> int:
        return len(self._masks)

    def __and__(self, other: Masks) -> Masks:
        self._match(other)
        return Masks({name: mask & other[name] for name, mask in self.items()})

    def __or__(self, other: Masks) -> Masks:
        self._match(other)
        return Masks({name: mask | other[name] for name, mask in self.items()})

    def __invert__(self) -> Masks:
        return Masks({name: ~mask for name, mask in self.items()})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Masks):
            return NotImplemented
        return self.keys() == other.keys() and all(torch.equal(mask, other[name]) for name, mask in self.items())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        noun = "tensor" if len(self) == 1 else "tensors"
        return f"Masks({self.kept:,} of {self.total:,} kept, density {self.density:.4f}, {len(self)} {noun})"

    @property
    def counts(self) -> dict[str, int]:
        """The number of kept weights of each tensor."""
        return {name: int(mask.sum()) for name, mask in self.items()}

    @property
    def kept(self) -> int:
        """The number of kept weights of the network."""
        return sum(self.counts.values())

    @property
    def total(self) -> int:
        """The number of prunable weights of the network."""
        return sum(mask.numel() for mask in self.values())

    @property
    def density(self) -> float:
        """Kept weights as a share of prunable ones; 1.0 for a network without prunable weights."""
        return self.kept / self.total if self.total else 1.0

    def _match(self, other: Masks) -> None:
        for name in self.keys() | other.keys():
            if name not in self or name not in other:
                raise ValueError(f"masks cover different tensors: '{name}' is in only one of them")
            if self[name].shape != other[name].shape:
                raise ValueError(f"the masks of '{name}' have shapes {self[name].shape} and {other[name].shape}")
