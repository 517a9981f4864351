"""Replacements for layers that would block or add to a signal, so that only the paths through weights remain.

`Objective.flow` installs them (with `bare`) to find the weights through which an input reaches the outputs.
"""

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
"""Activations with f(0) != 0: they give an output even when no signal reaches them."""


def scaled_input(module: nn.Module, args: Any, output: Any) -> Any:
    """A hook that replaces a norm layer's output by its input, scaled to at most 1.

    Without the scale, sums would grow from layer to layer and saturate gates and attention.
    """
    largest = args[0].detach().abs().amax()
    return args[0] / torch.where(largest > 0, largest, 1)


class MeansForMaxima(TorchFunctionMode):
    """Replaces every maximum, pooled or over dimensions, by the mean over the same elements."""

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


def adaptive_mean(module: Any, args: Any, output: Any) -> Any:
    """A hook that replaces adaptive max pooling by adaptive average pooling."""
    pool: Any = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}[args[0].dim() - 2]
    return pool(args[0], module.output_size)


def shifted_to_zero(module: Any, args: Any, output: Any) -> Any:
    """A hook that shifts an activation so that it is 0 at 0."""
    return output - type(module).forward(module, torch.zeros_like(args[0]))
