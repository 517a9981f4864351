"""The training loss, and the flow, as functions of weights that are handed in: scoring without a trace on the model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from benchmark.data import Batch
from benchmark.task import Task

NORMS = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
)

ADAPTIVE = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
SPEAKING = (nn.Sigmoid, nn.Softplus, nn.LogSigmoid, nn.Hardsigmoid)
"""Activations that answer even where nothing is said to them."""


class Objective(nn.Module):
    """`task.loss` of a model, callable with other parameters and, always, with copies of the buffers.

    Batch norm's running statistics, the parameters, their `.grad` and the random state stay as they were.
    """

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model = model
        self._task_loss = task.loss

    def forward(self, batch: Batch) -> Tensor:
        return self._task_loss(self.model, batch)

    def at(self, batch: Batch, weights: Mapping[str, Tensor], noise: int = 0, temperature: float = 1.0) -> Tensor:
        """The loss of a batch with `weights` in place of the model's own, differentiable in them.

        Args:
            noise: the seed that dropout draws from.
            temperature: what the model's output is divided by.
        """

        def cool(module: nn.Module, args: Any, output: Any) -> Any:
            return tree_map(lambda value: value / temperature if _is_float(value) else value, output)

        state = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        with torch.random.fork_rng(devices=_cuda_devices(self.model)), _hooked(self.model) as handles:
            torch.manual_seed(noise)
            if temperature != 1:
                handles.append(self.model.register_forward_hook(cool))
            return self._call(state | dict(weights), batch)

    def flow(self, batch: Batch, state: Mapping[str, Tensor], *, bare: bool = False) -> Tensor:
        """The model's outputs where every input is 1, in eval mode, flat.

        Args:
            batch: gives the shapes; its floating-point inputs are replaced by ones.
            state: every parameter and buffer, all in one floating-point type; differentiable in them.
            bare: follow the signal alone: inputs near 1 that all differ, norm layers that only scale, means in place of
                maxima, activations shifted to 0 at 0.
        """
        outputs: list[Tensor] = []
        kind = next(value.dtype for value in state.values() if value.is_floating_point())

        draw = torch.Generator().manual_seed(0)

        def one(value: Any) -> Any:
            if not _is_float(value):
                return value
            if bare:
                return (0.5 + torch.rand(value.shape, generator=draw, dtype=torch.float64)).to(value.device, kind)
            return torch.ones_like(value, dtype=kind)

        def ones(module: nn.Module, args: Any, kwargs: Any) -> Any:
            return tree_map(one, args), tree_map(one, kwargs)

        def collect(module: nn.Module, args: Any, output: Tensor) -> None:
            outputs.append(output.reshape(-1))

        modes = {module: module.training for module in self.modules()}
        with _hooked(self.model) as handles:
            handles += [self.model.register_forward_pre_hook(ones, with_kwargs=True)]
            handles += [self.model.register_forward_hook(collect)]
            if bare:
                for kinds, hook in ((NORMS, _skip), (ADAPTIVE, _adaptive_mean), (SPEAKING, _shift)):
                    handles += [m.register_forward_hook(hook) for m in self.model.modules() if isinstance(m, kinds)]
            try:
                self.eval()
                with _Means() if bare else nullcontext():
                    self._call(state, batch)
            finally:
                for module, mode in modes.items():
                    module.training = mode
        return torch.cat(outputs)

    def _call(self, state: Mapping[str, Tensor], batch: Batch) -> Tensor:
        value: Tensor = functional_call(self, {f"model.{name}": tensor for name, tensor in state.items()}, (batch,))
        return value


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


@contextmanager
def _hooked(model: nn.Module) -> Iterator[list[Any]]:
    """A list of hooks that are removed at the end."""
    handles: list[Any] = []
    try:
        yield handles
    finally:
        for handle in handles:
            handle.remove()


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _cuda_devices(model: nn.Module) -> list[int]:
    return sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
