"""Masks as bytes, one bit a weight, and what two of them share. Numpy alone, so that reading verbs need no torch."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from zipfile import BadZipFile

import numpy as np

Bits = Mapping[str, np.ndarray[Any, np.dtype[np.bool_]]]
"""Boolean arrays by name of tensor, `True` = kept."""


def pack(masks: Bits) -> bytes:
    """Masks as a compressed npz: of every tensor the bits, eight to a byte, and the shape. Equal masks, equal bytes."""
    arrays = {f"{name}:bits": np.packbits(mask.reshape(-1)) for name, mask in masks.items()}
    shapes = {f"{name}:shape": np.array(mask.shape, dtype=np.int64) for name, mask in masks.items()}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays | shapes)  # type: ignore[arg-type]
    return file.getvalue()


def unpack(data: bytes) -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
    """The masks of `pack`, in the order they had.

    Raises:
        ValueError: these are not packed masks.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            names = [key.removesuffix(":bits") for key in file if key.endswith(":bits")]
            return {name: _unpacked(file[f"{name}:bits"], file[f"{name}:shape"]) for name in names}
    except (BadZipFile, zlib.error, NotImplementedError, ValueError, KeyError, EOFError, OSError) as error:
        raise ValueError(f"not a file of packed masks: {error}") from error


def digest(masks: Bits) -> str:
    """SHA-256 of names, shapes and packed bits."""
    sha = hashlib.sha256()
    for name in sorted(masks):
        mask = masks[name]
        sha.update(f"{name}{mask.shape}".encode())
        sha.update(np.packbits(mask.reshape(-1)).tobytes())
    return sha.hexdigest()


def _unpacked(bits: Any, shape: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.unpackbits(bits, count=int(np.prod(shape))).astype(np.bool_).reshape(shape)


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
