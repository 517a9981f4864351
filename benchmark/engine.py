"""The training step: one forward and backward, a pause, one masked update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from benchmark.errors import Diverged
from benchmark.masks import Masks
from benchmark.streams import stream, stream_seed
from benchmark.task import Batch, Data, Recipe

CHECK_EVERY = 50
"""Steps between two looks at the loss. On a GPU each look waits for the device."""


def default_generator(device: torch.device) -> torch.Generator:
    """The generator that dropout draws from on this device."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


class Order:
    """Which examples make up the batch of a step: a new permutation every epoch, a last short batch left out."""

    def __init__(self, size: int, batch_size: int, seed: int, name: str = "order") -> None:
        self.batch_size = min(batch_size, size)
        self._size, self._seed, self._name = size, seed, name
        self._epoch, self._permutation = -1, torch.empty(0)

    def __getitem__(self, step: int) -> Tensor:
        """int64 [batch_size]: a pure function of the seed and the step."""
        epoch, position = divmod(step, self._size // self.batch_size)
        if epoch != self._epoch:
            self._permutation = torch.randperm(self._size, generator=stream(self._seed, self._name, epoch))
            self._epoch = epoch
        return self._permutation[position * self.batch_size : (position + 1) * self.batch_size]


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
    ) -> None:
        self.parameters, self.recipe, self.clock = parameters, recipe, 0
        self.batch_size, self.updates = min(recipe.batch_size, len(data)), 0
        self.data, self._loss, self._seed, self._device = data, loss, seed, device
        self._order = Order(len(data), recipe.batch_size, seed)
        self._noise = default_generator(device)
        self._masked: list[Tensor] = []
        self._floats: list[Tensor] = []
        self._finite = torch.ones((), dtype=torch.bool, device=device)
        self.rewind(0)

    def rewind(self, clock: int) -> None:
        """Place the schedule and the data order at `clock`, with a fresh optimizer (as OpenLTH rewinds)."""
        self.clock = clock
        self._optimizer = _optimizer(list(self.parameters.values()), self.recipe)

    def project(self, masks: Masks) -> None:
        """Put pruned weights, and their optimizer memory, to zero; from here on they stay there."""
        partly = {n: mask for n, mask in masks.items() if n in self.parameters and not bool(mask.all())}
        self._masked = [self.parameters[name] for name in partly]
        self._floats = [torch.empty_like(self.parameters[name]).copy_(mask) for name, mask in partly.items()]
        with torch.no_grad():
            for weight, mask in zip(self._masked, partly.values(), strict=True):
                weight.masked_fill_(~mask, 0)
                for slot in self._optimizer.state[weight].values():
                    if slot.shape == weight.shape:
                        slot.masked_fill_(~mask, 0)

    def backward(self) -> Tensor:
        """The loss of this step's batch, its gradients in `.grad` of the parameters, dense."""
        self._noise.manual_seed(stream_seed(self._seed, "noise", self.clock))
        batch = self.data.batch(self._order[self.clock])
        if self.recipe.augment:
            batch = self.recipe.augment(batch, stream(self._seed, "augmentation", self.clock))
        with self.precision():
            loss = self._loss(batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._finite &= loss.detach().isfinite()
        return loss.detach()

    def update(self) -> None:
        """One optimizer step at this step's learning rate."""
        for group in self._optimizer.param_groups:
            group["lr"] = self.recipe.rate_at(self.clock)
        live = [(w.grad, m) for w, m in zip(self._masked, self._floats, strict=True) if w.grad is not None]
        if live:
            torch._foreach_mul_([grad for grad, _ in live], [mask for _, mask in live])
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.clip)
        self._optimizer.step()
        self.updates += 1

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


def _optimizer(parameters: list[Tensor], recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=recipe.rate, weight_decay=recipe.weight_decay, fused=True)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=recipe.rate, weight_decay=recipe.weight_decay, fused=True)
    return torch.optim.SGD(
        parameters,
        lr=recipe.rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
