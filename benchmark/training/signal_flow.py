"""The training loss, and the flow, as functions of weights that are handed in: scoring without a trace on the model."""

from __future__ import annotations

import inspect
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

NORMS = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
)


ADAPTIVE = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)


NONZERO_AT_ZERO = (nn.Sigmoid, nn.Softplus, nn.LogSigmoid, nn.Hardsigmoid)
"""Activations that answer even where nothing is said to them."""


def _skip(module: nn.Module, args: Any, output: Any) -> Any:
    """The input, scaled to at most 1: sums that grow from layer to layer would saturate gates and attention."""
    largest = args[0].detach().abs().amax()
    return args[0] / torch.where(largest > 0, largest, 1)


class _Means(TorchFunctionMode):
    """Means over whatever windows or dimensions a maximum is taken, by a layer or by a function."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.amax, torch.amax):
            return torch.mean(*args, **(kwargs or {}))
        if func not in _POOLS:
            return func(*args, **(kwargs or {}))
        call = inspect.signature(_pool).bind(*args, **(kwargs or {}))
        return _pool(**call.arguments, mean=_POOLS[func])


def _pool(
    input: Tensor,  # noqa: A002  # torch's name
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    mean: Any = None,
) -> Tensor:
    return cast("Tensor", mean(input, kernel_size, stride or kernel_size, padding, ceil_mode))


_POOLS = {
    torch.max_pool1d: F.avg_pool1d,
    torch.max_pool2d: F.avg_pool2d,
    torch.max_pool3d: F.avg_pool3d,
    F.max_pool1d: F.avg_pool1d,
    F.max_pool2d: F.avg_pool2d,
    F.max_pool3d: F.avg_pool3d,
}


def _adaptive_mean(module: Any, args: Any, output: Any) -> Any:
    pool: Any = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}[args[0].dim() - 2]
    return pool(args[0], module.output_size)


def _shift(module: Any, args: Any, output: Any) -> Any:
    return output - type(module).forward(module, torch.zeros_like(args[0]))
