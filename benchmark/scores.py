"""Scores that several methods rank weights by: one number per weight; weights with higher scores are kept longer.

`weights` and `gradients` are mappings from the same names to tensors of the same shapes, as `run.weights` and
`run.gradients(count)` return them. The scores are such mappings, too, on the same devices. Nothing is changed in
place.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]
"""Tensors by the name of their parameter."""


def magnitude(weights: Tensors) -> dict[str, Tensor]:
    """|w| (Janowsky, 1989; Han et al., 2015)."""
    return {name: weight.abs() for name, weight in weights.items()}


def square(weights: Tensors) -> dict[str, Tensor]:
    """w^2, in float64: it ranks single weights like |w|, and units of several weights by their root mean square."""
    return {name: weight.double().square() for name, weight in weights.items()}


def lamp(weights: Tensors) -> dict[str, Tensor]:
    """LAMP: w^2, divided by the sum of all squares in its tensor that are not smaller (Lee et al., 2021, eq. 4).

    The scores are float64, in [0, 1] and comparable between tensors. The largest weight of every tensor has score 1, so
    that a global ranking does not prune whole layers too early.
    """
    return {
        name: _lamp(weight.reshape(-1).cpu()).view(weight.shape).to(weight.device) for name, weight in weights.items()
    }


def _lamp(weights: Tensor) -> Tensor:
    """[n] -> [n], on the CPU: on a GPU a cumulative sum is not deterministic."""
    squares, order = weights.double().square().sort()
    rest = squares.flip(0).cumsum(0).flip(0)
    return torch.empty_like(squares).scatter_(0, order, squares / rest.clamp_min(torch.finfo(rest.dtype).tiny))


def sensitivity(weights: Tensors, gradients: Tensors) -> dict[str, Tensor]:
    """|w dL/dw|, the derivative of the loss with respect to a gate on w (Lee et al., 2019, eq. 4, not normalised).

    Raises:
        KeyError: a weight has no gradient.
    """
    return {name: (weight * gradients[name]).abs() for name, weight in weights.items()}
