"""Divides the batch of every training step among processes, and adds up their gradients (data-parallel training).

The batch stays that of one process: the same examples in the same order, augmentation and dropout, divided into
consecutive parts. Whether a batch may be divided is not known in advance: a task's loss may not be a mean over
examples, and a network may mix them. So the first batches are tried: their gradients are computed whole and by parts.
If these differ, every process computes whole batches; that is slow but correct, and the record says why.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.func import functional_call

from benchmark.data.splits import Batch
from benchmark.training.objective import Objective
from benchmark.training.ranks import ALONE, Ranks
from benchmark.training.whole_batch import Part, WholeBatch, part_of

TOLERANCE = 1e-4
"""The largest difference between the gradients of a batch, whole and by parts, as a share of the largest entry."""

TRIALS = 5
"""The number of batches that are tried. A mean weighted by class, for instance, shows if parts differ in classes."""

Read = Callable[[slice, int], Batch]
"""Reads examples of the batch of this step, or of a step the given number of steps ahead."""

WHOLE = slice(None)

MIXED = "their parts have another gradient: the loss or the network mixes examples, or its noise cannot be divided"


class Shares:
    """Which part of each batch this process trains on, and the loss of the whole batch."""

    def __init__(self, objective: Objective, ranks: Ranks = ALONE) -> None:
        self._objective, self._ranks = objective, ranks
        self._tried: dict[Hashable, str] = {}
        self._part: Part | None = None

    @property
    def mode(self) -> str:
        """How steps are trained; empty for one process, and before the first step."""
        whys = dict.fromkeys(why for why in self._tried.values() if why)
        if whys:
            return f"whole in each of {self._ranks.count} processes: {'; '.join(whys)}"
        return f"divided among {self._ranks.count} processes" if self._tried else ""

    @property
    def divided(self) -> bool:
        """Whether the batch of this step is divided."""
        return self._part is not None

    def rows(self, count: int, read: Read, augment: Hashable) -> slice:
        """Which examples of this step's batch of `count` this process trains on.

        Args:
            read: reads some of them, for the trial of a loss, batch size or augmentation that is new.
        """
        if self._ranks.count == 1:
            return WHOLE
        kind = self._objective.now, count, augment
        if kind not in self._tried:
            self._tried[kind] = self._why_not(count, read, augment)
        self._part = None if self._tried[kind] else part_of(count, self._ranks)
        return self._part.rows if self._part else WHOLE

    def loss(self, weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The loss of the whole batch, of which this process has a part, at parameters of the network.

        The gradient with respect to `weights` is that of the whole batch, with the same bits in every process.
        """
        return self._whole(weights, lambda used: functional_call(self._objective, _inner(used), (batch,)))

    def _whole(self, weights: Mapping[str, Tensor], compute: Callable[[Mapping[str, Tensor]], Tensor]) -> Tensor:
        assert self._part
        learned = {name: weight for name, weight in weights.items() if weight.requires_grad}
        used = dict(weights) | dict(zip(learned, _Used.apply(self._ranks, *learned.values()), strict=True))
        with WholeBatch(self._part, self._ranks):
            value = compute(used)
        return _Total.apply(value * self._part.share, self._ranks)  # type: ignore[no-any-return]

    # --- the trial ----------------------------------------------------------------------------------------------------

    def _why_not(self, count: int, read: Read, augment: Hashable) -> str:
        """Why batches cannot be divided; empty if they can. The same in every process."""
        if count < self._ranks.count:
            return f"they are too small, {count} example{'s' * (count > 1)} each"
        self._part = part_of(count, self._ranks)
        if augment and not isinstance(read(WHOLE, 0), tuple):
            return "they are augmented, and cannot be divided afterwards"
        for ahead in range(TRIALS):
            if not self._ranks.all(self._agrees(read(WHOLE, ahead), read(self._part.rows, ahead))):
                return MIXED
        return ""

    def _agrees(self, whole: Batch, own: Batch) -> bool:
        """Whether the parts of a batch have the gradient of the whole. Nothing of the network changes."""
        leaves = {name: p.detach().requires_grad_() for name, p in self._objective.model.named_parameters()}
        alone = self._objective.at(whole, leaves)
        together = self._whole(leaves, lambda used: self._objective.at(own, used))
        pairs = (alone, together), (_gradient(alone, leaves), _gradient(together, leaves))
        return all(bool((one - other).abs().max() <= TOLERANCE * one.abs().max()) for one, other in pairs)


def rows_of(batch: Batch, rows: slice) -> Batch:
    """Some examples of a batch; one that is not a tuple of tensors can only be had as a whole."""
    return batch if rows == WHOLE else tuple(value[rows] for value in batch)


def _inner(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"model.{name}": weight for name, weight in weights.items()}


def _gradient(loss: Tensor, leaves: Mapping[str, Tensor]) -> Tensor:
    """The gradient as one flat tensor."""
    grads = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return torch.cat([grad.reshape(-1) for grad in grads])


class _Used(Function):
    """Parameters as they are; their gradients are added up over the processes, all in one message."""

    @staticmethod
    def forward(ctx: Any, ranks: Ranks, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.ranks, ctx.weights = ranks, weights
        ctx.set_materialize_grads(False)
        return tuple(weight.view_as(weight) for weight in weights)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        return None, *_sums(ctx.ranks, ctx.weights, grads)


class _Total(Function):
    """The sum of a loss over the processes. Each has the gradient of its own part."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, ranks: Ranks) -> Tensor:
        return ranks.add(value.clone())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return grads[0], None


def _sums(ranks: Ranks, weights: Sequence[Tensor], grads: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Gradients added up over the processes; None for a parameter that has none in any."""
    given = [torch.zeros_like(w) if grad is None else grad for w, grad in zip(weights, grads, strict=True)]
    had = torch.tensor([float(grad is not None) for grad in grads]).to(given[0])
    bucket = ranks.add(torch.cat([*(grad.reshape(-1) for grad in given), had]))
    *pieces, had = torch.split(bucket, [*(grad.numel() for grad in given), len(had)])
    found = zip(pieces, weights, had.tolist(), strict=True)
    return [piece.view_as(weight).to(weight.dtype) if any_ else None for piece, weight, any_ in found]
