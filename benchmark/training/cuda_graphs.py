"""A training step as two recorded CUDA graphs: small networks wait for kernel launches, and a replay needs only two.

A recording has to prove itself: it trains a step that plain code has trained too, and where the two differ, or nothing
can be recorded, the run goes on without.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmark.data.splits import Batch

WARM_UP = 3
"""Plain steps before a recording: libraries and optimizers set themselves up in the first ones."""


TOLERANCE = 1e-4
"""By how much of a tensor's largest entry a recorded step may differ from the plain one."""


Replay = Callable[[], Any]


Record = Callable[[Callable[[], Any]], Replay]
"""From what is to be done to what does it again; what it returns is the same objects every time."""


def recorder(device: torch.device) -> Record | None:
    """How steps are recorded on this device; None where they are not. `PRUNEBENCH_CAPTURE=0` turns it off."""
    return cuda if device.type == "cuda" and os.environ.get("PRUNEBENCH_CAPTURE", "1") != "0" else None


def cuda(work: Callable[[], Any]) -> Replay:
    """Record work as a CUDA graph. Nothing is computed before the first replay."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def replay() -> Any:
        graph.replay()
        return result

    return replay


class Captured:
    """The two halves of a step, recorded over a batch of fixed shapes.

    Args:
        passes: forward and backward of a batch: it returns the loss and leaves gradients.
        update: masks the gradients and steps the optimizer.
    """

    def __init__(
        self, batch: Sequence[Tensor], passes: Callable[[Batch], Tensor], update: Callable[[], None], record: Record
    ) -> None:
        self._inputs = [value.clone() for value in batch]
        self._passes = record(lambda: passes(tuple(self._inputs)))
        self._update = record(update)

    def passes(self, batch: Sequence[Tensor]) -> Tensor:
        """The loss of a batch; its gradients lie where the recorded ones lay."""
        for mine, given in zip(self._inputs, batch, strict=True):
            mine.copy_(given)
        loss: Tensor = self._passes()
        return loss.clone()

    def update(self) -> None:
        """One masked step of the optimizer."""
        self._update()

    def fits(self, batch: Batch) -> bool:
        """Whether a batch has the recorded shapes."""
        return recordable(batch) and [value.shape for value in batch] == [value.shape for value in self._inputs]


def rehearsed(
    batch: Sequence[Tensor],
    passes: Callable[[Batch], Tensor],
    update: Callable[[], None],
    record: Record,
    tensors: Callable[[], list[Tensor]],
    reseed: Callable[[], None],
) -> Captured:
    """A recorded step that leads from the same state to where plain code leads. The state is left as it was.

    Args:
        tensors: all that a step changes; the same ones at every call.
        reseed: puts the generator of dropout back to the start of the step.

    Raises:
        RuntimeError: it leads elsewhere.
    """
    before = [value.clone() for value in tensors()]

    def reset() -> None:
        for value, old in zip(tensors(), before, strict=True):
            value.copy_(old)
        reseed()

    try:
        passes(tuple(batch))
        update()
        plain = [value.clone() for value in tensors()]
        reset()
        captured = Captured(batch, passes, update, record)
        captured.passes(batch)
        captured.update()
        if not agree(plain, tensors()):
            raise RuntimeError("a recorded step leads elsewhere than a plain one")
        return captured
    finally:
        reset()


def recordable(batch: Batch) -> bool:
    """Batches of tensors alone: what is in any other kind may change its shape from step to step."""
    return isinstance(batch, tuple) and all(isinstance(value, Tensor) for value in batch)


def agree(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    """Whether two states are the same within TOLERANCE."""
    return all(
        bool((a - b).abs().max() <= TOLERANCE * a.abs().max()) if a.is_floating_point() else torch.equal(a, b)
        for a, b in zip(first, second, strict=True)
        if a.numel()
    )
