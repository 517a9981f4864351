"""What stands for trained networks in tests of experiments: a network and examples, with nothing to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from benchmark import TensorData
from benchmark.plugins import registry


@dataclass(frozen=True)
class Stand:
    """As `benchmark.Trained`: the same network whenever it is asked for."""

    network: nn.Module
    data: TensorData
    digest: str = "0" * 64

    def __str__(self) -> str:
        return self.digest

    @property
    def task(self) -> Any:
        return registry.task("digits")

    def model(self) -> nn.Module:
        from copy import deepcopy

        return deepcopy(self.network).eval()

    def test(self) -> TensorData:
        return self.data


def examples(*shape: int, count: int = 24, seed: int = 0) -> TensorData:
    """Inputs from -1 upwards, and labels of three classes."""
    draws = torch.Generator().manual_seed(seed)
    inputs = torch.rand((count, *shape), generator=draws) * 2 - 1
    return TensorData(inputs, torch.randint(0, 3, (count,), generator=draws))


def perceptron(seed: int = 0) -> nn.Sequential:
    """Of 5, 4 and 3 units."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))


def convolutional(channels: int, seed: int = 0) -> nn.Sequential:
    """A convolution of 3 x 3 with a border, and a linear layer, for images of 4 x 4."""
    torch.manual_seed(seed)
    convolution = nn.Conv2d(channels, 2, 3, padding=1)
    return nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
