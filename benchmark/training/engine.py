"""The training step: one forward and backward, a pause, one masked update."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from benchmark.data.splits import Batch, Data
from benchmark.errors import Diverged
from benchmark.pruning.masks import Masks
from benchmark.random_streams import stream, stream_seed
from benchmark.training.cuda_graphs import WARM_UP, Captured, Record, recordable, rehearsed
from benchmark.training.optimizers import _optimizer
from benchmark.training.order import Order
from benchmark.training.recipe import Recipe
from benchmark.training.state import digest_of

CHECK_EVERY = 50
"""Steps between two looks at the loss. On a GPU each look waits for the device."""


def default_generator(device: torch.device) -> torch.Generator:
    """The generator that dropout draws from on this device."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


class Engine:
    """Trains `parameters` on a recipe, from step `clock` on; what the masks prune is zero after every update.

    The gradient is masked, and masked weights start at zero with a zero optimizer memory (`project`); momentum, Adam's
    moments and weight decay then keep a pruned weight exactly at 0. That is half the cost of masking after the update.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        loss: Callable[[Batch], Tensor],
        recipe: Recipe,
        data: Data,
        seed: int,
        device: torch.device,
        spared: Collection[str] = (),
    ) -> None:
        self.parameters, self.recipe, self.clock = parameters, recipe, 0
        self.batch_size, self.updates = min(recipe.batch_size, len(data)), 0
        self.data, self._loss, self._seed, self._device, self._spared = data, loss, seed, device, spared
        resident = getattr(data, "index_device", torch.device("cpu"))  # data read from files are looked up by the CPU
        self._order = Order(len(data), recipe.batch_size, seed, device=resident)
        self._noise = default_generator(device)
        self._masked: list[Tensor] = []
        self._floats: list[Tensor] = []
        self._finite = torch.ones((), dtype=torch.bool, device=device)
        self._record: Record | None = None
        self._buffers: list[Tensor] = []
        self.rehearsals, self.mode = 0, "plain"
        self.rewind(0)

    def capture(self, buffers: Sequence[Tensor], record: Record | None) -> None:
        """From here on, record steps once the optimizer has warmed up (`benchmark.training.cuda_graphs`).

        Args:
            buffers: what a step changes beside the parameters and the optimizer's memory.
        """
        self._buffers, self._record = list(buffers), record

    def rewind(self, clock: int) -> None:
        """Place the schedule and the data order at `clock`, with a fresh optimizer (as OpenLTH rewinds)."""
        self.clock, self._warm = clock, 0
        self._optimizer = _optimizer(self.parameters, self.recipe, self._spared)
        self._captured: Captured | None = None

    def project(self, masks: Masks) -> None:
        """Put pruned weights, and their optimizer memory, to zero; from here on they stay there."""
        partly = {n: mask for n, mask in masks.items() if n in self.parameters and not bool(mask.all())}
        masked = [self.parameters[name] for name in partly]
        if len(masked) != len(self._masked) or any(a is not b for a, b in zip(masked, self._masked, strict=True)):
            self._masked, self._floats = masked, [torch.empty_like(weight) for weight in masked]
            self._captured = None  # a recorded update reads the masks of before
        with torch.no_grad():
            for weight, mask, float_mask in zip(self._masked, partly.values(), self._floats, strict=True):
                float_mask.copy_(mask)
                weight.masked_fill_(~mask, 0)
                for slot in self._optimizer.state[weight].values():
                    if slot.shape == weight.shape:
                        slot.masked_fill_(~mask, 0)

    def backward(self) -> Tensor:
        """The loss of this step's batch, its gradients in `.grad` of the parameters, dense."""
        self._reseed()
        batch = self.data.batch(self._order[self.clock])
        if self.recipe.augment:
            batch = self.recipe.augment(batch, stream(self._seed, "augmentation", self.clock))
        if self._record and not self._captured and self._warm >= WARM_UP and recordable(batch):
            self._try_recording(batch, self._record)
        if self._captured and self._captured.fits(batch):
            return self._captured.passes(batch)
        self._captured = None
        return self._passes(batch)

    def update(self) -> None:
        """One optimizer step at this step's learning rate."""
        self._set_rate()
        self._captured.update() if self._captured else self._step()
        self.updates += 1
        self._warm += 1

    def start(self, steps: int) -> str:
        """A digest of all that the next `steps` steps depend on beside the data, the recipe and the seed."""
        state = [*self._tensors(), *self._floats]
        masked = [next(i for i, p in enumerate(self.parameters.values()) if p is weight) for weight in self._masked]
        return digest_of([self.clock, steps, masked], state)

    def state(self) -> dict[str, Any]:
        """What `take` puts into another engine. Its tensors are this one's own: copy them or write them out."""
        memory = [dict(self._optimizer.state[p]) for p in self.parameters.values()]
        parameters = [p.detach() for p in self.parameters.values()]
        return {"parameters": parameters, "buffers": self._buffers, "memory": memory, "mode": self.mode}

    def take(self, state: dict[str, Any], steps: int) -> None:
        """Be where `steps` steps lead, as another engine found that was here before."""
        with torch.no_grad():
            for value, other in zip(self.parameters.values(), state["parameters"], strict=True):
                value.copy_(other)
            for value, other in zip(self._buffers, state["buffers"], strict=True):
                value.copy_(other)
        for parameter, slots in zip(self.parameters.values(), state["memory"], strict=True):
            self._optimizer.state[parameter] = slots
        self._captured = None  # a recorded update writes to the memory of before
        self.mode = state["mode"]
        self.clock += steps
        self.updates += steps
        self._warm += steps

    def gradients(self, names: Iterable[str]) -> dict[str, Tensor]:
        """The gradients of this step by name. Those of a recorded step are copied: it writes over its own."""
        found = {name: grad for name in names if (grad := self.parameters[name].grad) is not None}
        return {name: grad.clone() for name, grad in found.items()} if self._captured else found

    def put(self, gradients: Mapping[str, Tensor]) -> None:
        """Take back gradients that may have been edited."""
        for name, gradient in gradients.items():
            grad = self.parameters[name].grad
            if grad is not None and grad is not gradient:
                grad.copy_(gradient)

    def _passes(self, batch: Batch) -> Tensor:
        with self.precision():
            loss = self._loss(batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._finite &= loss.detach().isfinite()
        return loss.detach()

    def _step(self) -> None:
        live = [(w.grad, m) for w, m in zip(self._masked, self._floats, strict=True) if w.grad is not None]
        if live:
            torch._foreach_mul_([grad for grad, _ in live], [mask for _, mask in live])
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.clip)
        self._optimizer.step()

    def _set_rate(self) -> None:
        """A tensor on CUDA: a recorded update reads the rate from where it lies."""
        for group in self._optimizer.param_groups:
            rate = self.recipe.rate_at(self.clock)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def _try_recording(self, batch: Batch, record: Record) -> None:
        """Replay steps from here on, if one can be recorded; else train as plain code, and say why."""
        self._set_rate()
        self.rehearsals += 2
        try:
            self._captured = rehearsed(batch, self._passes, self._step, record, self._tensors, self._reseed)
            self.mode = "captured"
        except Exception as problem:  # whatever cannot be recorded trains as plain code
            self._record = None
            self.mode = f"plain: {type(problem).__name__}: {' '.join(str(problem).split())[:200]}"

    def _tensors(self) -> list[Tensor]:
        """All that a step changes."""
        slots = [value for p in self.parameters.values() for value in self._optimizer.state[p].values()]
        memory = [slot for slot in slots if isinstance(slot, Tensor)]
        return [*(p.detach() for p in self.parameters.values()), *memory, *self._buffers, self._finite]

    def _reseed(self) -> None:
        """Dropout draws this step's noise, again if it has to."""
        self._noise.manual_seed(stream_seed(self._seed, "noise", self.clock))

    def advance(self) -> None:
        """On to the next step. Raises Diverged within CHECK_EVERY steps of a loss that is not finite."""
        self.clock += 1
        if self.clock % CHECK_EVERY == 0:
            self.check()

    def check(self) -> None:
        """Raises Diverged if any loss so far was not finite."""
        if not bool(self._finite):
            raise Diverged(f"the training loss was not finite before step {self.clock}")

    def precision(self) -> AbstractContextManager[object]:
        """The autocast that the recipe asks for."""
        if self.recipe.precision == "bfloat16":
            return torch.autocast(self._device.type, dtype=torch.bfloat16)
        return nullcontext()
