"""Scores of channels by their feature maps, as the layers that read them are fed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from benchmark import Channels, Inapplicable, Run

Measure = Callable[[Tensor], Tensor]
"""From feature maps [n, channels, rows, columns] to a number for each: [n, channels]."""


def mean_over_maps(run: Run, pattern: Channels, batches: int, measure: Measure) -> Tensor:
    """The mean of a measure over images, and over the layers that read a channel: float64 [channels].

    Maps are seen behind activation, norm layers and pooling. Where a linear layer reads them flattened, they are
    square again; where it reads one number of each channel, a map has one pixel.

    Raises:
        Inapplicable: no layer is seen to read a channel.
    """
    total = torch.zeros(len(pattern.layers) + 1, dtype=torch.float64)  # the last is of no channel
    seen = torch.zeros_like(total)
    for inputs in run.inputs(batches):
        for name, calls in inputs.items():
            for read in calls:
                for numbers in read_channels(pattern, name, read.shape[1]):
                    maps, units = as_maps(read, numbers)
                    total.index_add_(0, units % len(total), measure(maps).double().sum(dim=0).cpu())
                    seen.index_add_(0, units % len(total), torch.full((len(units),), len(maps), dtype=torch.float64))
    if missing := int((seen[:-1] == 0).sum()):
        raise Inapplicable(f"{missing:,} of {len(pattern.layers):,} channels are read by no layer whose input is seen")
    return (total / seen)[:-1]


def read_channels(pattern: Channels, name: str, columns: int) -> Iterator[Tensor]:
    """The channels that the layer with this weight reads, one number for each column of its input, -1 for none."""
    for numbers in pattern.members.get(name, ()):
        if numbers.shape[1] == numbers.numel() == columns:
            yield numbers.flatten()


def as_maps(read: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """The maps [n, channels, rows, columns] in a layer's input [n, columns, *places], and the channels they are of."""
    units, widths = torch.unique_consecutive(numbers, return_counts=True)
    width = int(widths[0])
    if read.dim() == 2 and width > 1 and bool((widths == width).all()):
        side = math.isqrt(width)
        return torch.unflatten(read, 1, (len(units), -1, side if side**2 == width else width)), units
    return read.reshape(*read.shape[:2], math.prod(read.shape[2:-1]), read.shape[-1] if read.dim() > 2 else 1), numbers
