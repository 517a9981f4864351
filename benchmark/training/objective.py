"""The training loss, and the signal flow, as functions of given weights: scoring leaves the model unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from benchmark.training.task import Loss, Task

Norms = Literal["batch", "running"]
"""What norm layers normalise by when a batch is scored: its own statistics, as in training, or the running ones."""


class Objective(nn.Module):
    """The loss of a model, which can be called with other parameters, and always works on copies of the buffers.

    The parameters, their `.grad`, batch norm's running statistics and the global random state do not change.

    Args:
        now: returns the loss function at this moment of training; without it, the loss is always `task.loss`.
    """

    def __init__(self, model: nn.Module, task: Task, now: Callable[[], Loss] | None = None) -> None:
        super().__init__()
        self.model = model
        self._now = now or (lambda: task.loss)

    @property
    def now(self) -> Loss:
        """The loss function at this moment of training."""
        return self._now()

    def forward(self, batch: Batch) -> Tensor:
        return self.now(self.model, batch)

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
        with _seeded(noise, self.model), hooked() as handles:
            if temperature != 1:
                handles.append(self.model.register_forward_hook(cool))
            with evaluating(self.model, only=normalises) if norms == "running" else nullcontext():
                return self._call(state | self._as_own(weights), batch)

    def settled(self, batch: Batch, weights: Mapping[str, Tensor]) -> Tensor:
        """The loss of a batch in eval mode: without dropout, and with the running statistics of norm layers."""
        state = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        with evaluating(self):
            return self._call(state | self._as_own(weights), batch)

    def statistics(
        self, batches: Sequence[Batch], weights: Mapping[str, Tensor], noise: int | None = None
    ) -> dict[str, Tensor]:
        """The running statistics that norm layers would have after these batches alone, by buffer name.

        Args:
            weights, noise: see `outputs`.
        """
        norms = {name: module for name, module in self.model.named_modules() if normalises(module)}
        own = {
            f"{name}.{kind}".lstrip("."): value for name, norm in norms.items() for kind, value in norm.named_buffers()
        }
        sums = {name: torch.zeros_like(value) for name, value in own.items()}
        with torch.no_grad(), _averaging(norms.values()):
            for batch in batches:
                self.outputs(
                    batch, dict(weights) | sums, "batch", noise
                )  # a norm layer writes to the buffers it is given
        return {name: value for name, value in sums.items() if not name.endswith("num_batches_tracked")}

    def outputs(
        self, batch: Batch, state: Mapping[str, Tensor], norms: Norms = "running", noise: int | None = None
    ) -> list[Tensor]:
        """The floating-point outputs of the model for a batch, without dropout: of every call that the loss makes.

        Args:
            state: parameters and buffers in place of the model's; the result is differentiable in them.
            norms: `batch` leaves norm layers in training mode, where they normalise by the statistics of the batch.
            noise: the seed of standard normal numbers that replace the floating-point inputs.
        """
        draw = torch.Generator().manual_seed(noise or 0)

        def drawn(value: Any) -> Any:
            return torch.randn(value.shape, generator=draw).to(value) if _is_float(value) else value

        buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        with evaluating(self, spared=normalises if norms == "batch" else None):
            return self._outputs(batch, buffers | self._as_own(state), None if noise is None else drawn)

    def flow(self, batch: Batch, state: Mapping[str, Tensor], *, bare: bool = False) -> Tensor:
        """The model's outputs for inputs of 1, in eval mode, as one flat tensor.

        Args:
            batch: gives the shapes; its floating-point inputs are replaced by ones.
            state: every parameter and buffer, all in one floating-point type; the result is differentiable in them.
            bare: simplify the network so that only the paths of the signal matter: inputs between 0.5 and 1.5 that all
                differ, norm layers that only scale, means in place of maxima, and activations shifted so that they are
                0 at 0.
        """
        dtype = next(value.dtype for value in state.values() if value.is_floating_point())
        draw = torch.Generator().manual_seed(0)

        def one(value: Any) -> Any:
            if not _is_float(value):
                return value
            if bare:
                return (0.5 + torch.rand(value.shape, generator=draw, dtype=torch.float64)).to(value.device, dtype)
            return torch.ones_like(value, dtype=dtype)

        with evaluating(self), _simplified(self.model) if bare else nullcontext():
            return torch.cat([output.reshape(-1) for output in self._outputs(batch, state, one)])

    def _outputs(self, batch: Batch, state: Mapping[str, Tensor], change: Callable[[Any], Any] | None) -> list[Tensor]:
        """The floating-point outputs of the model, with every leaf of its inputs changed."""
        outputs: list[Tensor] = []

        def replace(module: nn.Module, args: Any, kwargs: Any) -> Any:
            fixed = {name: value for name, value in kwargs.items() if name == "edge_weight"}  # part of the graph
            return (tree_map(change, args), tree_map(change, kwargs) | fixed) if change else None

        def collect(module: nn.Module, args: Any, output: Any) -> None:
            outputs.extend(value for value in tree_leaves(output) if _is_float(value))

        with hooked() as handles:
            handles += [self.model.register_forward_pre_hook(replace, with_kwargs=True)]
            handles += [self.model.register_forward_hook(collect)]
            self._call(state, batch)
        return outputs

    def _as_own(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors in place of the model's, each in the model's dtype: a float32 gate times a float16 is not float16."""
        own = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        return {name: value.to(own[name].dtype) if name in own else value for name, value in given.items()}

    def _call(self, state: Mapping[str, Tensor], batch: Batch) -> Tensor:
        value: Tensor = functional_call(self, {f"model.{name}": tensor for name, tensor in state.items()}, (batch,))
        return value


@contextmanager
def hooked() -> Iterator[list[Any]]:
    """Give a list for the handles of hooks, and remove those hooks at the end."""
    handles: list[Any] = []
    try:
        yield handles
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _simplified(model: nn.Module) -> Iterator[None]:
    """Only the paths of the signal matter in the model (see `Objective.flow`)."""
    changes = ((NORMS, scaled_input), (ADAPTIVE, adaptive_mean), (NONZERO_AT_ZERO, shifted_to_zero))
    with hooked() as handles, MeansForMaxima():
        for kinds, hook in changes:
            handles += [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, kinds)]
        yield


@contextmanager
def _averaging(norms: Iterable[nn.Module]) -> Iterator[None]:
    """Norm layers average their statistics over all batches, instead of forgetting earlier ones."""
    momenta = {module: module.momentum for module in norms}
    for module in momenta:
        module.momentum = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for module, momentum in momenta.items():
            module.momentum = momentum


Which = Callable[[nn.Module], bool]


@contextmanager
def evaluating(model: nn.Module, only: Which | None = None, spared: Which | None = None) -> Iterator[None]:
    """The modules of a model are in eval mode: all, only some, or all but some."""
    chosen = (m for m in model.modules() if (not only or only(m)) and not (spared and spared(m)))
    switched = [module for module in chosen if module.training]
    for module in switched:
        module.training = False
    try:
        yield
    finally:
        for module in switched:
            module.training = True


def normalises(module: nn.Module) -> bool:
    """Whether a module normalises by running statistics in eval mode."""
    return getattr(module, "running_mean", None) is not None


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


@contextmanager
def _seeded(seed: int, model: nn.Module) -> Iterator[None]:
    """Within this context, the network's random numbers start at a seed; afterwards, global generators are restored."""
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=devices):
        if devices:
            torch.manual_seed(seed)
        else:  # `torch.manual_seed` takes milliseconds to note who called it, for a device that has not begun
            torch.default_generator.manual_seed(seed)
        yield
