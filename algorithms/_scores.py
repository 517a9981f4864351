"""Scores: pure functions of named tensors. Higher = kept longer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]


def magnitude(weights: Tensors) -> dict[str, Tensor]:
    """|w| (Janowsky, 1989; Han et al., 2015)."""
    return {name: weight.abs() for name, weight in weights.items()}


def sensitivity(weights: Tensors, gradients: Tensors) -> dict[str, Tensor]:
    """|w dL/dw|, the derivative of the loss by a gate on the connection (Lee et al., 2019, eq. 4, unnormalised)."""
    return {name: (weight * gradients[name]).abs() for name, weight in weights.items()}


def noise(weights: Tensors, rng: torch.Generator) -> dict[str, Tensor]:
    """Uniform on [0, 1), in float64 so that ties do not happen; drawn on the CPU, so that devices agree."""
    return {
        name: torch.rand(weight.shape, generator=rng, dtype=torch.float64).to(weight.device)
        for name, weight in weights.items()
    }
