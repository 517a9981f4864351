"""The training loss, and the signal flow, as functions of given weights: scoring leaves the model unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves, tree_map

from benchmark.data.splits import Batch
from benchmark.training.signal_flow import (
    ADAPTIVE,
    NONZERO_AT_ZERO,
    NORMS,
    MeansForMaxima,
    adaptive_mean,
    scaled_input,
    shifted_to_zero,
)
from benchmark.training.task import Task

Norms = Literal["batch", "running"]
"""What norm layers normalise by when a batch is scored: its own statistics, as in training, or the running ones."""


class Objective(nn.Module):
    """`task.loss` of a model, which can be called with other parameters, and always works on copies of the buffers.

    The parameters, their `.grad`, batch norm's running statistics and the global random state do not change.
    """

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model = model
        self._task_loss = task.loss

    def forward(self, batch: Batch) -> Tensor:
        return self._task_loss(self.model, batch)

    def at(
        self,
        batch: Batch,
        weights: Mapping[str, Tensor],
        noise: int = 0,
        temperature: float = 1.0,
        norms: Norms = "batch",
    ) -> Tensor:
        """The loss of a batch with `weights` in place of the model's parameters, differentiable in them.

        Args:
            noise: the seed for dropout.
            temperature: the model's outputs are divided by it.
            norms: `running` puts the norm layers that have running statistics, and nothing else, in eval mode.
        """

        def cool(module: nn.Module, args: Any, output: Any) -> Any:
            return tree_map(lambda value: value / temperature if _is_float(value) else value, output)

        state = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        with torch.random.fork_rng(devices=_cuda_devices(self.model)), _hooked(self.model) as handles:
            torch.manual_seed(noise)
            if temperature != 1:
                handles.append(self.model.register_forward_hook(cool))
            with _in_eval_mode(self.model if norms == "running" else None):
                return self._call(state | dict(weights), batch)

    def flow(self, batch: Batch, state: Mapping[str, Tensor], *, bare: bool = False) -> Tensor:
        """The model's outputs for inputs of 1, in eval mode, as one flat tensor.

        Args:
            batch: gives the shapes; its floating-point inputs are replaced by ones.
            state: every parameter and buffer, all in one floating-point type; the result is differentiable in them.
            bare: simplify the network so that only the paths of the signal matter: inputs between 0.5 and 1.5 that all
                differ, norm layers that only scale, means in place of maxima, and activations shifted so that they are
                0 at 0.
        """
        outputs: list[Tensor] = []
        dtype = next(value.dtype for value in state.values() if value.is_floating_point())
        draw = torch.Generator().manual_seed(0)

        def one(value: Any) -> Any:
            if not _is_float(value):
                return value
            if bare:
                return (0.5 + torch.rand(value.shape, generator=draw, dtype=torch.float64)).to(value.device, dtype)
            return torch.ones_like(value, dtype=dtype)

        def ones(module: nn.Module, args: Any, kwargs: Any) -> Any:
            return tree_map(one, args), tree_map(one, kwargs)

        def collect(module: nn.Module, args: Any, output: Any) -> None:
            outputs.extend(value.reshape(-1) for value in tree_leaves(output) if _is_float(value))

        modes = {module: module.training for module in self.modules()}
        with _hooked(self.model) as handles:
            handles += [self.model.register_forward_pre_hook(ones, with_kwargs=True)]
            handles += [self.model.register_forward_hook(collect)]
            if bare:
                hooks = ((NORMS, scaled_input), (ADAPTIVE, adaptive_mean), (NONZERO_AT_ZERO, shifted_to_zero))
                for kinds, hook in hooks:
                    handles += [m.register_forward_hook(hook) for m in self.model.modules() if isinstance(m, kinds)]
            try:
                self.eval()
                with MeansForMaxima() if bare else nullcontext():
                    self._call(state, batch)
            finally:
                for module, mode in modes.items():
                    module.training = mode
        return torch.cat(outputs)

    def _call(self, state: Mapping[str, Tensor], batch: Batch) -> Tensor:
        value: Tensor = functional_call(self, {f"model.{name}": tensor for name, tensor in state.items()}, (batch,))
        return value


@contextmanager
def _hooked(model: nn.Module) -> Iterator[list[Any]]:
    """Give a list for the handles of hooks, and remove those hooks at the end."""
    handles: list[Any] = []
    try:
        yield handles
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _in_eval_mode(model: nn.Module | None) -> Iterator[None]:
    """The norm layers of a model with running statistics are in eval mode; None for no model."""
    modules = model.modules() if model else ()
    switched = [m for m in modules if m.training and getattr(m, "running_mean", None) is not None]
    for module in switched:
        module.training = False
    try:
        yield
    finally:
        for module in switched:
            module.training = True


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _cuda_devices(model: nn.Module) -> list[int]:
    return sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
