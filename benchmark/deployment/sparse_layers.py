"""Layers that store and multiply the weights that are kept, as compressed sparse rows (CSR)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Rows(nn.Module):
    """A matrix of weights [outputs, inputs] as compressed rows with indices of 32 bits, and a bias for each."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls this layout a beta, once in every process
            rows = weight.detach().to_sparse_csr()
            places = rows.crow_indices().int(), rows.col_indices().int()
            self.weight: Tensor = torch.sparse_csr_tensor(*places, rows.values(), rows.shape)
        self.bias = torch.zeros(len(weight), 1) if bias is None else bias.detach()[:, None]

    def product(self, columns: Tensor) -> Tensor:
        """The outputs [outputs, n] for inputs [inputs, n]."""
        return torch.addmm(self.bias.expand(-1, columns.shape[1]), self.weight, columns)

    @property
    def bytes(self) -> int:
        """Bytes of weights, indices and biases."""
        parts = self.weight.values(), self.weight.col_indices(), self.weight.crow_indices(), self.bias
        return sum(part.numel() * part.element_size() for part in parts)


class SparseLinear(Rows):
    """A linear layer that computes with its nonzero weights alone."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__(layer.weight, layer.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [..., outputs] of inputs [..., inputs]."""
        columns = inputs.reshape(-1, inputs.shape[-1]).T
        return self.product(columns).T.reshape(*inputs.shape[:-1], -1)


class SparseConv2d(Rows):
    """A convolution that computes with its nonzero weights alone, on inputs unfolded into columns."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__(layer.weight.flatten(1).contiguous(), layer.bias)
        self._kernel, self._stride, self._dilation = layer.kernel_size, layer.stride, layer.dilation
        self._padding = tuple(map(int, layer.padding))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs, h, w] of inputs [n, inputs, h, w]."""
        unfolded = F.unfold(inputs, self._kernel, self._dilation, self._padding, self._stride)  # [n, inputs, places]
        count, size, places = unfolded.shape
        outputs = self.product(unfolded.transpose(0, 1).reshape(size, count * places))
        height = self._length(inputs.shape[2], 0)
        return outputs.view(-1, count, places).transpose(0, 1).reshape(count, -1, height, places // height)

    def _length(self, length: int, axis: int) -> int:
        reach = self._dilation[axis] * (self._kernel[axis] - 1) + 1
        return (length + 2 * self._padding[axis] - reach) // self._stride[axis] + 1


def compressible(network: nn.Module, names: Collection[str]) -> list[str]:
    """The layers, out of these, that can compute with their nonzero weights alone: linear ones, plain convolutions."""
    return [name for name in names if _kind(network.get_submodule(name))]


def compressed(network: nn.Module, names: Collection[str]) -> nn.Module:
    """A copy of a network in which the layers of these names compute with their nonzero weights alone.

    Layers of other kinds than linear ones and plain convolutions stay as they are.
    """
    copy = deepcopy(network)
    for name in names:
        layer = copy.get_submodule(name)
        if not (kind := _kind(layer)):
            continue
        if not name:  # the network is this layer
            return kind(layer)
        parent, _, own = name.rpartition(".")
        setattr(copy.get_submodule(parent), own, kind(layer))
    return copy


def _kind(layer: nn.Module) -> Callable[[Any], nn.Module] | None:
    if type(layer) is nn.Linear:
        return SparseLinear
    if type(layer) is nn.Conv2d and layer.groups == 1 and layer.padding_mode == "zeros":
        return None if isinstance(layer.padding, str) else SparseConv2d
    return None
