"""The inputs of the layers of a network: means over all positions that the rows of a weight are multiplied with.

A weight is [groups * rows, channels, *kernel]. A position is one place that a filter looks at, or one row of the input
of a linear layer; what lies there is [groups, channels, *kernel], as unfolding the input gives it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.training.objective import hooked
from benchmark.training.prunable import is_layer

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)

LARGEST = 2**24
"""The most entries of the matrix of positions that a Gram matrix is computed from at a time: 128 MiB in float64."""

Measure = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""From a layer, its input and its output to a sum over all positions."""


def powers(orders: Sequence[int]) -> Measure:
    """Sums of powers: float64 [orders, groups, channels, *kernel]."""

    def measure(layer: nn.Module, inputs: Tensor, outputs: Tensor) -> Tensor:
        return torch.stack([power(layer, inputs, outputs, order) for order in orders])

    return measure


def power(layer: nn.Module, inputs: Tensor, outputs: Tensor, order: int) -> Tensor:
    """The sum of one power: float64 [groups, channels, *kernel]."""
    if isinstance(layer, CONVOLUTIONS) and inputs.dim() == len(layer.kernel_size) + 2:
        inputs = inputs.pow(order).sum(dim=0, keepdim=True, dtype=torch.float64)  # so that one image is unfolded
        outputs = outputs[:1]
    else:
        inputs = inputs.double() ** order
    seen, kernel = windows(layer, inputs, outputs)
    return seen.sum(dim=[0, *range(3, seen.dim() - kernel)])


def products(layer: nn.Module, inputs: Tensor, outputs: Tensor) -> Tensor:
    """Gram matrices: the sum of x x^T over the positions x, flattened: float64 [groups, columns, columns]."""
    seen, kernel = windows(layer, inputs, outputs)
    places, shape = range(3, seen.dim() - kernel), range(seen.dim() - kernel, seen.dim())
    rows = seen.permute(1, 0, *places, 2, *shape)
    columns = math.prod(seen.shape[dim] for dim in (2, *shape))
    total = torch.zeros(len(rows), columns, columns, dtype=torch.float64, device=inputs.device)
    for some in torch.split(rows, max(1, LARGEST // max(1, rows[:, :1].numel())), dim=1):
        matrix = some.double().reshape(len(rows), -1, columns)
        total += matrix.mT @ matrix
    return total


class Means:
    """Means over all positions of the inputs of layers.

    Attributes:
        positions: the number of positions so far, by the name of the layer's weight.
    """

    def __init__(self, measure: Measure) -> None:
        self._measure, self._totals = measure, dict[str, Tensor]()
        self.positions: dict[str, int] = {}

    @contextmanager
    def watching(self, model: nn.Module, names: Collection[str]) -> Iterator[None]:
        """Add the inputs of the layers with these weights whenever the model is called within this context."""
        with hooked() as handles:
            for name, layer, channels in layers_of(model, names):
                handles.append(layer.register_forward_hook(self._adding(name, channels)))
            yield

    def of(self, name: str) -> Tensor | None:
        """The mean for a weight; None if its layer was not called, or is of a kind whose inputs are not known."""
        return self._totals[name] / self.positions[name] if self.positions.get(name) else None

    def _adding(self, name: str, channels: int) -> Callable[..., None]:
        def add(layer: nn.Module, args: tuple[Any, ...], outputs: Tensor) -> None:
            inputs: Tensor = args[0].detach()
            total = self._measure(layer, inputs, outputs)
            self._totals[name] = self._totals[name] + total if name in self._totals else total
            self.positions[name] = self.positions.get(name, 0) + outputs.numel() // channels

        return add


class Inputs:
    """The inputs of layers, of one call of the model: [n, channels, *places]."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[Tensor, ...]] = {}

    @contextmanager
    def watching(self, model: nn.Module, names: Collection[str]) -> Iterator[None]:
        """Keep the inputs of the layers with these weights whenever the model is called within this context."""
        with hooked() as handles:
            for name, layer, _ in layers_of(model, names):
                handles.append(layer.register_forward_hook(self._keeping(name)))
            yield

    def _keeping(self, name: str) -> Callable[..., None]:
        def keep(layer: nn.Module, args: tuple[Any, ...], outputs: Tensor) -> None:
            self.seen[name] = (*self.seen.get(name, ()), channels_second(layer, args[0].detach()))

        return keep


def channels_second(layer: nn.Module, inputs: Tensor) -> Tensor:
    """The input of a layer as [n, channels, *places]."""
    if isinstance(layer, CONVOLUTIONS):
        return inputs if inputs.dim() == len(layer.kernel_size) + 2 else inputs.unsqueeze(0)
    return inputs.movedim(-1, 1) if inputs.dim() > 1 else inputs.unsqueeze(0)


def layers_of(model: nn.Module, names: Collection[str]) -> Iterator[tuple[str, nn.Module, int]]:
    """The convolutions and linear layers with these weights, and their numbers of outputs. Layers may share weights."""
    by_weight = {parameter: name for name, parameter in model.named_parameters() if name in names}
    for module in model.modules():
        weight = getattr(module, "weight", None) if is_layer(module) else None
        if isinstance(weight, nn.Parameter) and weight in by_weight:
            yield by_weight[weight], module, len(weight)


def windows(layer: nn.Module, inputs: Tensor, outputs: Tensor) -> tuple[Tensor, int]:
    """The input of a layer as [n, groups, channels, *places, *kernel], a view if possible, and the kernel's dimensions.

    A linear layer has n positions without places.
    """
    if not isinstance(layer, CONVOLUTIONS):
        return inputs.reshape(-1, 1, inputs.shape[-1]), 0
    kernel = len(layer.kernel_size)
    if inputs.dim() == kernel + 1:
        inputs, outputs = inputs.unsqueeze(0), outputs.unsqueeze(0)
    seen = _padded(layer, inputs, outputs)
    for dim, (size, step, spacing) in enumerate(zip(layer.kernel_size, layer.stride, layer.dilation, strict=True), 2):
        seen = seen.unfold(dim, (size - 1) * spacing + 1, step)[..., ::spacing]
    return torch.unflatten(seen, 1, (layer.groups, -1)), kernel


def _padded(layer: nn.Conv1d | nn.Conv2d | nn.Conv3d, inputs: Tensor, outputs: Tensor) -> Tensor:
    """The input with the padding of the layer, and with the zeros that some layers add themselves (timm's "same")."""
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    inputs = F.pad(inputs, layer._reversed_padding_repeated_twice, mode=mode)
    shapes = zip(outputs.shape[2:], inputs.shape[2:], layer.kernel_size, layer.stride, layer.dilation, strict=True)
    missing = [max(0, (out - 1) * step + (size - 1) * gap + 1 - length) for out, length, size, step, gap in shapes]
    return F.pad(inputs, [part for lack in reversed(missing) for part in (lack // 2, lack - lack // 2)])
