"""Helpers of methods that prune channels."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark import Channels, Inapplicable, Run
from benchmark.scores import Tensors


def channels(run: Run) -> Channels:
    """The pattern of a method for channels alone. Raises Inapplicable if it is another one."""
    if not isinstance(run.target.pattern, Channels):
        raise Inapplicable(f"pattern {run.target.pattern.name} has no channels; ask for --pattern channels")
    return run.target.pattern


def belonging(pattern: Channels) -> dict[str, tuple[Tensor, ...]]:
    """The channels that weights, and scales of norm layers, belong to, by name."""
    return {**pattern.members, **{name: (numbers,) for name, numbers in pattern.norms.items()}}


def spread(values: Tensor, numbers: Tensor) -> Tensor:
    """The values of the units with these numbers, 0 for no unit (-1)."""
    return torch.cat([values, values.new_zeros(1)])[numbers]


def within_layers(scores: Tensor, pattern: Channels) -> Tensor:
    """The rank of every channel's score in its layer, as a share of the layer: the layers' shares are comparable."""
    shares = torch.empty(len(scores), dtype=torch.float64)
    for layer in torch.unique(pattern.layers):
        inside = pattern.layers == layer
        shares[inside] = (scores[inside].argsort().argsort().double() + 0.5) / int(inside.sum())
    return shares


def squares(values: Tensors, pattern: Channels) -> Tensor:
    """The sum of squares over all that belongs to a channel, scales of norm layers included: float64 [channels]."""
    total = torch.zeros(len(pattern.layers) + 1, dtype=torch.float64)  # the last is of no channel
    for name, several in belonging(pattern).items():
        if name in values:
            square = values[name].cpu().double().square()
            for numbers in several:
                total.index_add_(0, numbers.expand(square.shape).flatten() % len(total), square.flatten())
    return total[:-1]
