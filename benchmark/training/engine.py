"""The training loop's single step: a forward and backward pass, then a masked update of the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from benchmark.data.splits import Batch, Data
from benchmark.errors import Diverged
from benchmark.pruning.masks import Masks
from benchmark.training.batches import Batches
from benchmark.training.cuda_graphs import Captured, Record, never_waiting, rehearsed
from benchmark.training.fixed_entries import FixedEntries, Held
from benchmark.training.gradients import gradients_of, put_gradients
from benchmark.training.optimizers import (
    Group,
    laid_out,
    optimizer_of,
    remembered_by,
    set_rate,
    start_late_momentum,
)
from benchmark.training.recipe import Recipe
from benchmark.training.recording import Recording
from benchmark.training.shares import Shares
from benchmark.training.state import digest_of
from benchmark.training.update_hooks import call_update_hooks

CHECK_EVERY = 50
"""Steps between two checks that the loss is finite. On a GPU each check waits for the device."""


class Engine:
    """Trains `parameters` by a recipe, from step `clock` on. Pruned weights are exactly 0 after every update.

    Args:
        loss: the differentiable training loss of a batch.
        device: of the parameters.
        groups: by name, settings of the parameters that are trained differently from the recipe.
        shares: divides batches among processes, if there are several.

    Attributes:
        batches: the inputs of its steps.
        fixed: the entries of parameters that an update leaves as they are.
        recording: the recorded step, and how steps are computed.
        updates: the number of updates so far.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        loss: Callable[[Batch], Tensor],
        recipe: Recipe,
        data: Data,
        seed: int,
        device: torch.device,
        groups: Mapping[str, Group] | None = None,
        shares: Shares | None = None,
    ) -> None:
        self.parameters, self.recipe, self.clock = parameters, recipe, 0
        self._loss, self._device, self._groups, self._shares = loss, device, groups or {}, shares
        self.batches, self.updates = Batches(data, recipe.batch_size, seed, device, shares), 0
        self.fixed, self.recording = FixedEntries(parameters), Recording()
        self._finite = torch.ones((), dtype=torch.bool, device=device)
        self._buffers: list[Tensor] = []
        self.rewind(0)

    def capture(self, buffers: Sequence[Tensor], record: Record | None) -> None:
        """Record the training step after a few plain ones (`benchmark.training.recording`).

        Args:
            buffers: the tensors that a step changes in addition to the parameters and the optimizer state.
            record: how to record; None for plain steps only.
        """
        self._buffers = list(buffers)
        self.recording.use(record, reads=bool(getattr(self.batches.data, "replayable", False)))

    def rewind(self, clock: int) -> None:
        """Set the schedule and the data order to step `clock`, with a fresh optimizer (as OpenLTH rewinds).

        A recorded step writes to the state of its optimizer, so that optimizer is kept and its state is set to 0: an
        update with a state of 0 is the same as that of a fresh optimizer.
        """
        early = self.recipe.early
        same_loss = (clock < early) == (self.clock < early)
        self.clock = clock
        if self.recording.captured and same_loss:
            for slot in self._memory():
                slot.zero_()
            return
        self._optimizer = optimizer_of(self.parameters, self.recipe, self._groups)
        self.recording.restart()

    def change(self, data: Data | None = None, recipe: Recipe | None = None) -> None:
        """From here on, train on other data, or by a recipe that differs in its augmentation or its length."""
        self.recipe = recipe or self.recipe
        self.batches.change(data or self.batches.data, self.recipe.batch_size)
        self.recording.restart()  # the recorded step may read the old data

    def reorder(self, seed: int) -> None:
        """Draw the order of the data, augmentation and dropout from another seed from here on."""
        self.batches.reorder(seed)

    def project(self, masks: Masks) -> None:
        """Set pruned weights and their optimizer state to zero; from here on they stay zero."""
        if self.fixed.project(masks, self.memory):
            self.recording.drop()  # the recorded update reads the old mask tensors

    def hold(self, held: Mapping[str, Held]) -> None:
        """From here on, entries of these parameters keep their values: what an update does to them is undone."""
        self.fixed.hold(held)
        self.recording.drop()  # the recorded update does not know of them

    def forget(self, names: Iterable[str]) -> None:
        """Clear the optimizer's state of some parameters."""
        for name in names:
            self._optimizer.state.pop(self.parameters[name], None)
        self.recording.restart()  # the recorded update writes to the old optimizer state

    def backward(self) -> Tensor:
        """Return the loss of this step's batch, and leave the dense gradients in `.grad` of the parameters."""
        self._reseed()
        augment = self.recipe.augment
        reads = self.recording.reads and not augment  # then only the index is copied into a recorded step
        inputs = (self.batches.index(self.clock),) if reads else self.batches.own(self.clock, augment)
        if self.recording.due(inputs):
            self._try_recording(inputs, reads)
        if captured := self.recording.fitting(inputs):
            return captured.passes(inputs)
        return self._passes(self.batches.data.batch(*inputs) if reads else inputs)

    def batch(self) -> Batch:
        """This step's batch, whole."""
        return self.batches.whole(self.clock, self.recipe.augment)

    def memory(self, parameter: Tensor) -> dict[str, Any]:
        """What the optimizer remembers of a parameter, by torch's names."""
        memory: dict[str, Any] = self._optimizer.state[parameter]
        return memory

    def updated(self, loss: Tensor) -> None:
        """An update with this loss was made by `benchmark.training.sparse_steps`."""
        self._finite &= loss.isfinite()
        self.updates += 1
        self.recording.warmed()

    @property
    def rate(self) -> float:
        """The learning rate of this step."""
        return self.recipe.rate_at(self.clock)

    @property
    def mode(self) -> str:
        """How steps are trained (`RunState.mode`)."""
        return (self._shares and self._shares.mode) or self.recording.mode

    def update(self) -> None:
        """Make one optimizer step at this step's learning rate."""
        set_rate(self._optimizer, self.rate)
        if captured := self.recording.captured:
            captured.update()
            call_update_hooks()
        else:
            self._step()
        self.updates += 1
        self.recording.warmed()

    def start_digest(self, steps: int, network: str) -> str:
        """A digest of all that the next `steps` steps depend on, except the data, the recipe and the run's seed.

        A memory of the optimizer that is 0 everywhere is none, as `rewind` says.

        Args:
            network: the digest of its parameters and buffers.
        """
        memory, fixed = self._memory(), self.fixed
        remembered = memory if any(bool(slot.any()) for slot in memory) else []
        about = [network, self.clock, steps, fixed.masked_places, self.batches.seed, len(fixed.held)]
        return digest_of(about, [*remembered, *fixed.masks, *fixed.held, self._finite])

    def state(self) -> dict[str, Any]:
        """The state that `load` takes into another engine. The tensors are not copied."""
        memory = [dict(self._optimizer.state[p]) for p in self.parameters.values()]
        parameters = [p.detach() for p in self.parameters.values()]
        return {"parameters": parameters, "buffers": self._buffers, "memory": memory, "mode": self.mode}

    def load(self, state: dict[str, Any], steps: int) -> None:
        """Advance by `steps` steps to the state of another engine, which made them from the same start."""
        with torch.no_grad():
            for value, loaded in zip(self.parameters.values(), state["parameters"], strict=True):
                value.copy_(loaded)
            for value, loaded in zip(self._buffers, state["buffers"], strict=True):
                value.copy_(loaded)
        for parameter, slots in zip(self.parameters.values(), state["memory"], strict=True):
            self._optimizer.state[parameter] = {slot: laid_out(value, parameter) for slot, value in slots.items()}
        self.recording.drop()  # the recorded update writes to the old optimizer state
        self.recording.tell(state["mode"])
        self.clock += steps
        self.updates += steps
        self.recording.warmed(steps)

    def gradients(self, names: Iterable[str]) -> dict[str, Tensor]:
        """The gradients of this step by name; zeros for parameters that the loss does not depend on.

        Those of a recorded step are copied, because a replay overwrites them.
        """
        grads = gradients_of(self.parameters, names)
        return {name: grad.clone() for name, grad in grads.items()} if self.recording.captured else grads

    def set_gradients(self, gradients: Mapping[str, Tensor]) -> None:
        """Write gradients that may have been edited back to the parameters (`benchmark.training.gradients`)."""
        put_gradients(self.parameters, gradients)

    def _passes(self, batch: Batch) -> Tensor:
        with self._precision():
            loss = self._loss(batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._finite &= loss.detach().isfinite()
        return loss.detach()

    def _step(self) -> None:
        self.fixed.mask_gradients()
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.clip)
        if self.recipe.optimizer == "sgd" and self.recipe.momentum:
            start_late_momentum(self._optimizer, self.parameters.values())
        self._optimizer.step()
        self.fixed.put_back()  # momentum and weight decay move weights whose gradient is 0

    def _try_recording(self, inputs: Batch, reads: bool) -> None:
        """Record a step, to be replayed from here on.

        A step that reads its batch is recorded with the index of the next step's batch. This would show if something
        had been read only once, during the recording.
        """
        set_rate(self._optimizer, self.rate)
        example = (self.batches.index(self.clock + 1),) if reads else inputs
        passes = self._read_and_pass if reads else self._passes

        def rehearse(record: Record) -> Captured:
            return rehearsed(inputs, example, passes, self._step, record, self._tensors, self._reseed)

        with self._optimizer.register_step_post_hook(self.recording.count_rehearsal):
            self.recording.attempt(rehearse, reads)

    def _read_and_pass(self, index: Batch) -> Tensor:
        with never_waiting():
            return self._passes(self.batches.data.batch(*index))

    def _memory(self) -> list[Tensor]:
        """The tensors that the optimizer remembers."""
        return remembered_by(self._optimizer, self.parameters.values())

    def _tensors(self) -> list[Tensor]:
        """All tensors that a step changes."""
        return [*(p.detach() for p in self.parameters.values()), *self._memory(), *self._buffers, self._finite]

    def _reseed(self) -> None:
        self.batches.reseed(self.clock)

    def advance(self) -> None:
        """Go to the next step. Raises Diverged within `CHECK_EVERY` steps of a loss that is not finite."""
        self.clock += 1
        if self.clock == self.recipe.early:
            self.recording.drop()  # the recorded passes compute the loss of before
        if self.clock % CHECK_EVERY == 0:
            self.check()

    def check(self) -> None:
        """Raise Diverged if any loss so far was not finite."""
        if not bool(self._finite):
            raise Diverged(f"the training loss was not finite before step {self.clock}")

    def _precision(self) -> AbstractContextManager[object]:
        """The context for the forward pass: autocast to bfloat16 if the recipe asks for it."""
        if self.recipe.precision == "bfloat16":
            return torch.autocast(self._device.type, dtype=torch.bfloat16)
        return nullcontext()
