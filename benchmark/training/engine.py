"""The training loop's single step: a forward and backward pass, then a masked update of the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmark.data.splits import Batch, Data
from benchmark.errors import Diverged
from benchmark.pruning.masks import Masks
from benchmark.random_streams import stream, stream_seed
from benchmark.training.cuda_graphs import WARM_UP, Captured, Record, never_waiting, recordable, rehearsed
from benchmark.training.optimizers import Group, optimizer_of
from benchmark.training.order import Order
from benchmark.training.recipe import Recipe
from benchmark.training.shares import WHOLE, Shares, rows_of
from benchmark.training.state import digest_of
from benchmark.training.update_hooks import call_update_hooks

CHECK_EVERY = 50
"""Steps between two checks that the loss is finite. On a GPU each check waits for the device."""


def default_generator(device: torch.device) -> torch.Generator:
    """The generator that dropout draws from on this device."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


class Held(NamedTuple):
    """Entries of a parameter that never change, bool of its shape, and the values of the parameter that they keep."""

    entries: Tensor
    values: Tensor


class Engine:
    """Trains `parameters` by a recipe, from step `clock` on. Pruned weights are exactly 0 after every update.

    Gradients are masked, and pruned weights and their optimizer state are set to zero once (`project`). Momentum,
    Adam's moments and weight decay then keep a pruned weight at 0, at half the cost of masking after the update.

    Args:
        loss: the differentiable training loss of a batch.
        groups: for the names of parameters that are trained otherwise than the recipe says.
        shares: divides batches among processes, if there are several.
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
        self.batch_size, self.updates = min(recipe.batch_size, len(data)), 0
        self.data, self._loss, self._device, self._groups = data, loss, device, groups or {}
        self._shares = shares
        self._resident = getattr(data, "index_device", torch.device("cpu"))  # data in files are indexed on the CPU
        self.reorder(seed)
        self._noise = default_generator(device)
        self._masked: list[Tensor] = []
        self._floats: list[Tensor] = []
        self._held: list[tuple[Tensor, Held]] = []
        self._finite = torch.ones((), dtype=torch.bool, device=device)
        self._record: Record | None = None
        self._may_read = False
        self._buffers: list[Tensor] = []
        self.rehearsals, self._mode = 0, "plain"
        self._captured: Captured | None = None
        self.rewind(0)

    def capture(self, buffers: Sequence[Tensor], record: Record | None) -> None:
        """Record the training step after `WARM_UP` plain ones (`benchmark.training.cuda_graphs`).

        Args:
            buffers: the tensors that a step changes in addition to the parameters and the optimizer state.
            record: how to record; None for plain steps only.
        """
        self._buffers, self._record = list(buffers), record
        self._may_read = bool(getattr(self.data, "replayable", False))

    def rewind(self, clock: int) -> None:
        """Set the schedule and the data order to step `clock`, with a fresh optimizer (as OpenLTH rewinds).

        A recorded step writes to the memory of its optimizer, so it is kept with that one, whose memory becomes 0: an
        update with a memory of 0 is that of a fresh optimizer.
        """
        early = self.recipe.early
        same_loss = (clock < early) == (self.clock < early)
        self.clock = clock
        if self._captured and same_loss:
            for slot in self._memory():
                slot.zero_()
            return
        self._optimizer, self._warm = optimizer_of(self.parameters, self.recipe, self._groups), 0
        self._captured = None

    def change(self, data: Data | None = None, recipe: Recipe | None = None) -> None:
        """From here on, train on other data, or by a recipe that differs in its augmentation or its length."""
        self.data, self.recipe = data or self.data, recipe or self.recipe
        self.batch_size = min(self.recipe.batch_size, len(self.data))
        self._captured, self._warm = None, 0  # the recorded step may read the old data

    def reorder(self, seed: int) -> None:
        """Draw the order of the data, augmentation and dropout from another seed from here on."""
        self._seed = seed
        self._order = Order(len(self.data), self.recipe.batch_size, seed, device=self._resident)

    def project(self, masks: Masks) -> None:
        """Set pruned weights and their optimizer state to zero; from here on they stay zero."""
        partly = {n: mask for n, mask in masks.items() if n in self.parameters and not bool(mask.all())}
        masked = [self.parameters[name] for name in partly]
        if len(masked) != len(self._masked) or any(a is not b for a, b in zip(masked, self._masked, strict=True)):
            self._masked, self._floats = masked, [torch.empty_like(weight) for weight in masked]
            self._captured = None  # the recorded update reads the old mask tensors
        with torch.no_grad():
            for weight, mask, float_mask in zip(self._masked, partly.values(), self._floats, strict=True):
                float_mask.copy_(mask)
                weight.masked_fill_(~mask, 0)
                for slot in self._optimizer.state[weight].values():
                    if slot.shape == weight.shape:
                        slot.masked_fill_(~mask, 0)

    def hold(self, held: Mapping[str, Held]) -> None:
        """From here on, entries of these parameters keep their values: what an update does to them is undone."""
        self._held = [(self.parameters[name], one) for name, one in held.items() if name in self.parameters]
        self._captured = None  # the recorded update does not know of them
        self.put_back()

    @property
    def holds(self) -> bool:
        """Whether any entries keep their values."""
        return bool(self._held)

    @torch.no_grad()
    def put_back(self) -> None:
        """Give the entries that are held their values, after something has written to their parameters."""
        for parameter, held in self._held:
            parameter.copy_(torch.where(held.entries, held.values, parameter))

    def forget(self, names: Iterable[str]) -> None:
        """Clear the optimizer's memory of some parameters."""
        for name in names:
            self._optimizer.state.pop(self.parameters[name], None)
        self._captured, self._warm = None, 0  # the recorded update writes to the old optimizer state

    def backward(self) -> Tensor:
        """Return the loss of this step's batch, and leave the dense gradients in `.grad` of the parameters."""
        self._reseed()
        reads = self._reads
        inputs = (self._order[self.clock],) if reads else self._batch(self._rows())
        if self._record and not self._captured and self._warm >= WARM_UP and recordable(inputs):
            self._try_recording(inputs, reads, self._record)
        if self._captured and self._captured.fits(inputs):
            return self._captured.passes(inputs)
        self._captured = None
        return self._passes(self.data.batch(*inputs) if reads else inputs)

    def batch(self) -> Batch:
        """This step's batch, whole."""
        return self._batch(WHOLE)

    def memory(self, parameter: Tensor) -> dict[str, Any]:
        """What the optimizer remembers of a parameter, by torch's names."""
        memory: dict[str, Any] = self._optimizer.state[parameter]
        return memory

    def say(self, mode: str) -> None:
        """From here on, steps are made in this way."""
        self._mode = mode

    def updated(self, loss: Tensor) -> None:
        """An update with this loss was made by `benchmark.training.sparse_steps`."""
        self._finite &= loss.isfinite()
        self.updates += 1
        self._warm += 1

    @property
    def rate(self) -> float:
        """The learning rate of this step."""
        return self.recipe.rate_at(self.clock)

    @property
    def _reads(self) -> bool:
        """Whether a recorded step reads its batch, too, so that only the index is copied into it."""
        return self._may_read and self._record is not None and not self.recipe.augment

    def _rows(self) -> slice:
        """The examples of this step's batch that this process trains on."""
        return self._shares.rows(self.batch_size, self._batch, self.recipe.augment) if self._shares else WHOLE

    def _batch(self, rows: slice, ahead: int = 0) -> Batch:
        """Examples of a step's batch, which is augmented whole: its random numbers do not depend on the rows."""
        step, augment = self.clock + ahead, self.recipe.augment
        read = WHOLE if augment else rows
        batch = self.data.batch(self._order[step][read])
        if begin := getattr(self.data, "ahead", None):
            begin(self._order[step + 1][read])
        return rows_of(augment(batch, stream(self._seed, "augmentation", step)), rows) if augment else batch

    @property
    def mode(self) -> str:
        """How steps are trained (`RunState.mode`)."""
        return (self._shares and self._shares.mode) or self._mode

    def update(self) -> None:
        """Make one optimizer step at this step's learning rate."""
        self._set_rate()
        if self._captured:
            self._captured.update()
            call_update_hooks()
        else:
            self._step()
        self.updates += 1
        self._warm += 1

    def start_digest(self, steps: int, network: str) -> str:
        """A digest of all that the next `steps` steps depend on, except the data, the recipe and the run's seed.

        A memory of the optimizer that is 0 everywhere is none, as `rewind` says.

        Args:
            network: the digest of its parameters and buffers.
        """
        masks = [mask.bool() for mask in self._floats]
        memory = self._memory()
        remembered = memory if any(bool(slot.any()) for slot in memory) else []
        masked = [next(i for i, p in enumerate(self.parameters.values()) if p is weight) for weight in self._masked]
        held = [held.entries for _, held in self._held]
        about = [network, self.clock, steps, masked, self._seed, len(held)]
        return digest_of(about, [*remembered, *masks, *held, self._finite])

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
            self._optimizer.state[parameter] = {slot: _laid_out(value, parameter) for slot, value in slots.items()}
        self._captured = None  # the recorded update writes to the old optimizer state
        self._mode = state["mode"]
        self.clock += steps
        self.updates += steps
        self._warm += steps

    def gradients(self, names: Iterable[str]) -> dict[str, Tensor]:
        """The gradients of this step by name; zeros for parameters that the loss does not depend on.

        Those of a recorded step are copied, because a replay overwrites them.
        """
        given = {name: (self.parameters[name], self.parameters[name].grad) for name in names}
        grads = {name: torch.zeros_like(p).detach() if grad is None else grad for name, (p, grad) in given.items()}
        return {name: grad.clone() for name, grad in grads.items()} if self._captured else grads

    def set_gradients(self, gradients: Mapping[str, Tensor]) -> None:
        """Write gradients that may have been edited back to the parameters.

        A parameter that had none gets one if it is not 0: zeros would start weight decay and momentum.
        """
        for name, gradient in gradients.items():
            parameter = self.parameters[name]
            if parameter.grad is None:
                if parameter.requires_grad and bool(gradient.any()):
                    parameter.grad = _laid_out(gradient, parameter)
            elif parameter.grad is not gradient:
                parameter.grad.copy_(gradient)

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
        for parameter, held in self._held:  # so that they count for no clipping
            if parameter.grad is not None:
                parameter.grad.masked_fill_(held.entries, 0)
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.clip)
        self._start_late_momentum()
        self._optimizer.step()
        self.put_back()  # momentum and weight decay move weights whose gradient is 0

    def _start_late_momentum(self) -> None:
        """Give a parameter whose first gradient comes after others' a momentum of 0, which torch's fused SGD misses."""
        if not self.recipe.momentum or self.recipe.optimizer != "sgd":
            return
        missing = [p for p in self.parameters.values() if p.grad is not None and not self._optimizer.state[p]]
        if missing and len(missing) < sum(p.grad is not None for p in self.parameters.values()):
            for parameter in missing:
                self._optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    def _set_rate(self) -> None:
        """Set this step's learning rate. On CUDA it is a tensor, from which a recorded update reads it."""
        for group in self._optimizer.param_groups:
            rate = group["factor"] * self.recipe.rate_at(self.clock)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def _try_recording(self, inputs: Batch, reads: bool, record: Record) -> None:
        """Record a step, to be replayed from here on. If that fails, train with plain code; `mode` has the reason.

        A step that reads its batch is recorded over the index of the next one, which shows that nothing is read once.
        If it cannot be recorded, the next step is without the reading.
        """
        self._set_rate()
        example = (self._order[self.clock + 1],) if reads else inputs
        passes = self._read_and_pass if reads else self._passes
        with self._optimizer.register_step_post_hook(self._rehearsed):
            try:
                self._captured = rehearsed(inputs, example, passes, self._step, record, self._tensors, self._reseed)
                self._mode = "captured"
            except Exception as problem:  # a step that cannot be recorded, for any reason, is trained with plain code
                self._record, self._may_read = record if reads else None, False
                self._mode = f"plain: {type(problem).__name__}: {' '.join(str(problem).split())[:200]}"

    def _read_and_pass(self, index: Batch) -> Tensor:
        with never_waiting():
            return self._passes(self.data.batch(*index))

    def _rehearsed(self, *_: object) -> None:
        """Count an update as torch's hooks of optimizers see it, also while it is recorded."""
        self.rehearsals += 1

    def _memory(self) -> list[Tensor]:
        """The tensors that the optimizer remembers."""
        slots = [slot for p in self.parameters.values() for slot in sorted(self._optimizer.state[p].items())]
        return [value for _, value in slots if isinstance(value, Tensor)]

    def _tensors(self) -> list[Tensor]:
        """All tensors that a step changes."""
        return [*(p.detach() for p in self.parameters.values()), *self._memory(), *self._buffers, self._finite]

    def _reseed(self) -> None:
        """Seed the generator that dropout draws from, so that a step that is repeated draws the same noise."""
        self._noise.manual_seed(stream_seed(self._seed, "noise", self.clock))

    def advance(self) -> None:
        """Go to the next step. Raises Diverged within `CHECK_EVERY` steps of a loss that is not finite."""
        self.clock += 1
        if self.clock == self.recipe.early:
            self._captured = None  # the recorded passes compute the loss of before
        if self.clock % CHECK_EVERY == 0:
            self.check()

    def check(self) -> None:
        """Raise Diverged if any loss so far was not finite."""
        if not bool(self._finite):
            raise Diverged(f"the training loss was not finite before step {self.clock}")

    def precision(self) -> AbstractContextManager[object]:
        """The context for the forward pass: autocast to bfloat16 if the recipe asks for it."""
        if self.recipe.precision == "bfloat16":
            return torch.autocast(self._device.type, dtype=torch.bfloat16)
        return nullcontext()


def _laid_out(value: Any, parameter: Tensor) -> Any:
    """A tensor of a parameter's shape as that one lies in memory: torch's fused optimizers look at nothing else."""
    if not isinstance(value, Tensor) or value.shape != parameter.shape or value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter.detach(), dtype=value.dtype).copy_(value)
