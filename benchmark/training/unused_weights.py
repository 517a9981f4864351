"""Gives the gradient 0 to weights that a loss does not depend on: unused heads, frozen layers, dropped layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node, get_gradient_edge


def with_zero_gradients(value: Tensor, weights: Iterable[Tensor]) -> Tensor:
    """The same value, with a gradient for every one of `weights`: 0, of any order, for those it does not depend on.

    torch raises an error for such weights. A value that depends on all of them is returned as it is.
    """
    asked = [weight for weight in weights if weight.requires_grad]
    unused = [weight for weight, used in zip(asked, _used(value, asked), strict=True) if not used]
    return _Anchored.apply(value, *unused) if unused else value


def _used(value: Tensor, weights: Sequence[Tensor]) -> list[bool]:
    """Whether a value depends on each of the weights, by its autograd graph."""
    if value.grad_fn is None:
        return [value is weight for weight in weights]
    nodes = [get_gradient_edge(weight).node for weight in weights]
    seen, frontier = set[Node](), [value.grad_fn]
    while frontier:
        node = frontier.pop()
        if node not in seen:
            seen.add(node)
            frontier += [below for below, _ in node.next_functions if below is not None]
    return [node in seen for node in nodes]


class _Anchored(torch.autograd.Function):
    """The first argument, which depends on the others by a gradient of 0."""

    @staticmethod
    def forward(context: Any, value: Tensor, *weights: Tensor) -> Tensor:
        context.save_for_backward(*weights)
        return value.clone()

    @staticmethod
    def backward(context: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        return *grads, *(_Zero.apply(weight) for weight in context.saved_tensors)


class _Zero(torch.autograd.Function):
    """Zeros that depend on a weight by a gradient of 0, so that higher derivatives exist as well."""

    @staticmethod
    def forward(context: Any, weight: Tensor) -> Tensor:
        context.save_for_backward(weight)
        return torch.zeros_like(weight)

    @staticmethod
    def backward(context: Any, *grads: Tensor) -> Tensor:
        (weight,) = context.saved_tensors
        return _Zero.apply(weight)  # type: ignore[no-any-return]
