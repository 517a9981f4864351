"""The training loss, and the flow, as functions of weights that are handed in: scoring without a trace on the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_map

from benchmark.task import Batch, Task

NORMS = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
)


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

    def flow(self, batch: Batch, state: Mapping[str, Tensor], *, norms: bool = True) -> Tensor:
        """The sum of the model's outputs where every input is 1, in eval mode.

        Args:
            batch: gives the shapes; its floating-point inputs are replaced by ones.
            state: every parameter and buffer, all in one floating-point type; differentiable in them.
            norms: False lets the signal pass norm layers unchanged.
        """
        outputs: list[Tensor] = []
        kind = next(value.dtype for value in state.values() if value.is_floating_point())

        def one(value: Any) -> Any:
            return torch.ones_like(value, dtype=kind) if _is_float(value) else value

        def ones(module: nn.Module, args: Any, kwargs: Any) -> Any:
            return tree_map(one, args), tree_map(one, kwargs)

        def collect(module: nn.Module, args: Any, output: Tensor) -> None:
            outputs.append(output.sum())

        def skip(module: nn.Module, args: Any, output: Any) -> Any:
            return args[0]

        training = self.training
        with _hooked(self.model) as handles:
            handles += [self.model.register_forward_pre_hook(ones, with_kwargs=True)]
            handles += [self.model.register_forward_hook(collect)]
            if not norms:
                handles += [m.register_forward_hook(skip) for m in self.model.modules() if isinstance(m, NORMS)]
            try:
                self.eval()
                self._call(state, batch)
            finally:
                self.train(training)
        return torch.stack(outputs).sum()

    def _call(self, state: Mapping[str, Tensor], batch: Batch) -> Tensor:
        value: Tensor = functional_call(self, {f"model.{name}": tensor for name, tensor in state.items()}, (batch,))
        return value


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
