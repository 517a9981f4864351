"""Perceptrons of random weights, twice as deep: what is chosen of them makes a network of the plain one's shape."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmark import UsageError


class RandomUnits(nn.Module):
    """ReLU units of random weights, each of which sees one input; one more input is always 1.

    The weights are a buffer, so that they are neither trained nor pruned: [inputs + 1, units of each].
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(inputs + 1, units))
        self.weight: Tensor

    def forward(self, inputs: Tensor) -> Tensor:
        with_one = torch.cat([inputs, inputs.new_ones(len(inputs), 1)], dim=1)
        return torch.relu(with_one.unsqueeze(2) * self.weight).flatten(1)


class Shift(nn.Module):
    """Adds a number to every input."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.by


def paired(units: str, shift: float, widths: Sequence[int]) -> Callable[[], nn.Module]:
    """The constructor of a multilayer perceptron in which random units stand before every layer.

    Whoever chooses among the weights behind them chooses a network of the plain perceptron's shape: a weight is a sum
    of products of two random numbers (`bench experiment rfss`).

    Args:
        units: random units for every input of a layer.
        shift: what makes the inputs of the first layer not negative.

    Raises:
        UsageError: `units` is no whole number from 1 to 1,000.
    """
    if not units.isdecimal() or not 1 <= int(units) <= 1000:
        raise UsageError(
            f"'pairs:{units}': what it takes are the random units of an input, from 1 to 1,000, as pairs:32"
        )

    def construct() -> nn.Module:
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten(), shift=Shift(shift))
        for number, (fan_in, fan_out) in enumerate(pairwise(widths), start=1):
            layers[f"units{number}"] = RandomUnits(fan_in, int(units))
            layers[f"fc{number}"] = linear = nn.Linear((fan_in + 1) * int(units), fan_out, bias=False)
            nn.init.kaiming_normal_(linear.weight)
            if number < len(widths) - 1:
                layers[f"relu{number}"] = nn.ReLU()
        return nn.Sequential(layers)

    return construct
