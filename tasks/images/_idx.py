"""Reads idx files, the format of MNIST: a magic number, the sizes of the dimensions, then bytes."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

BYTES = 8
"""The number of the format for unsigned bytes."""


def read_idx(file: Path, dimensions: int) -> Tensor:
    """The array of an idx file of bytes, uint8.

    Raises:
        ValueError: the file is no such file, or it is longer or shorter than it says.
    """
    content, begin = np.fromfile(file, np.uint8), 4 + 4 * dimensions
    head = content[:begin].tobytes()
    if len(head) < begin or head[:4] != bytes([0, 0, BYTES, dimensions]):
        raise ValueError(f"{file} is no idx file of bytes in {dimensions} dimensions: it begins with {head[:4]!r}")
    shape = [int.from_bytes(head[place : place + 4], "big") for place in range(4, begin, 4)]
    if len(content) - begin != prod(shape):
        sizes = " x ".join(f"{size:,}" for size in shape)
        raise ValueError(f"{file} says that it holds {sizes} bytes, and holds {len(content) - begin:,}")
    return torch.from_numpy(content[begin:].reshape(shape))
