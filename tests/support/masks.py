"""Masks as bytes, as the harness writes them down."""

from __future__ import annotations

import torch

from benchmark import Masks
from benchmark.harness.report import arrays
from benchmark.results import mask_files


def digest(masks: Masks) -> str:
    """SHA-256 of names, shapes and bits."""
    return mask_files.digest(arrays(masks))


def packed(masks: Masks) -> bytes:
    """One bit a weight, compressed."""
    return mask_files.pack(arrays(masks))


def unpacked(content: bytes) -> Masks:
    """The masks of `packed`."""
    return Masks({name: torch.from_numpy(mask) for name, mask in mask_files.unpack(content).items()})
