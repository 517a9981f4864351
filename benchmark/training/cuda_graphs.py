"""Records a training step as two CUDA graphs: small networks wait for kernel launches, and a replay needs only two.

A recording is tested before it is used: it trains a step that plain code has trained as well. If the results differ, or
the step cannot be recorded, the run continues with plain code.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from benchmark.data.splits import Batch

WARM_UP = 3
"""Plain steps before a recording: libraries and optimizers allocate their state in the first ones."""

TOLERANCE = 1e-4
"""The largest difference between a recorded and a plain step, as a share of a tensor's largest entry."""

Replay = Callable[[], Any]
"""Repeats recorded work. It returns the same objects at every call, with new values."""

Record = Callable[[Callable[[], Any]], Replay]
"""Records work, and returns the function that repeats it."""


def recorder(device: torch.device) -> Record | None:
    """Return the function that records steps on this device, or None: on a CPU, or with `PRUNEBENCH_CAPTURE=0`."""
    return cuda if device.type == "cuda" and os.environ.get("PRUNEBENCH_CAPTURE", "1") != "0" else None


def cuda(work: Callable[[], Any]) -> Replay:
    """Record work as a CUDA graph. Recording computes nothing; the first replay does."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def replay() -> Any:
        graph.replay()
        return result

    return replay


@contextmanager
def never_waiting() -> Iterator[None]:
    """Raise RuntimeError if the host waits for the GPU, which cannot be recorded.

    If this is found before a recording, it costs a step. If CUDA found it in the middle of one, it would also leave the
    random number generator in a state that fails later.
    """
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        yield
        return
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls the mode a prototype
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(mode)


class Captured:
    """The two halves of a step, recorded over inputs of fixed shapes.

    Args:
        inputs: the tensors of a batch, or the index that `passes` reads it by.
        passes: runs forward and backward, returns the loss and leaves the gradients in `.grad`.
        update: masks the gradients and makes a step of the optimizer.
    """

    def __init__(
        self, inputs: Sequence[Tensor], passes: Callable[[Batch], Tensor], update: Callable[[], None], record: Record
    ) -> None:
        self._inputs = [value.clone() for value in inputs]
        self._passes = record(lambda: passes(tuple(self._inputs)))
        self._update = record(update)

    def passes(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the loss of a batch. The gradients are in the tensors that held the recorded ones."""
        for recorded, value in zip(self._inputs, inputs, strict=True):
            recorded.copy_(value)
        loss: Tensor = self._passes()
        return loss.clone()

    def update(self) -> None:
        """Make one masked step of the optimizer."""
        self._update()

    def fits(self, inputs: Batch) -> bool:
        """Whether inputs have the recorded shapes."""
        return recordable(inputs) and [value.shape for value in inputs] == [value.shape for value in self._inputs]


def rehearsed(
    inputs: Sequence[Tensor],
    example: Sequence[Tensor],
    passes: Callable[[Batch], Tensor],
    update: Callable[[], None],
    record: Record,
    tensors: Callable[[], list[Tensor]],
    reseed: Callable[[], None],
) -> Captured:
    """Record a step, and check that it gives the same result as plain code. The state is left as it was.

    Args:
        inputs: the inputs of the step that is trained, by plain code and by the recorded step.
        example: the inputs that the step is recorded with.
        tensors: returns all tensors that a step changes, the same ones at every call.
        reseed: puts the generator of dropout back to the start of the step.

    Raises:
        RuntimeError: the recorded step gives another result than the plain one.
    """
    before = [value.clone() for value in tensors()]

    def reset() -> None:
        for value, old in zip(tensors(), before, strict=True):
            value.copy_(old)
        reseed()

    try:
        passes(tuple(inputs))
        update()
        plain = [value.clone() for value in tensors()]
        reset()
        captured = Captured(example, passes, update, record)
        captured.passes(inputs)
        captured.update()
        if not agree(plain, tensors()):
            raise RuntimeError("a recorded step gives other results than a plain one")
        return captured
    finally:
        reset()


def recordable(batch: Batch) -> bool:
    """Whether a batch is a tuple of tensors. Other kinds, several graphs for example, may change shape every step."""
    return isinstance(batch, tuple) and all(isinstance(value, Tensor) for value in batch)


def agree(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    """Whether two lists of tensors are equal within `TOLERANCE`; integers exactly."""
    return all(
        bool((a - b).abs().max() <= TOLERANCE * a.abs().max()) if a.is_floating_point() else torch.equal(a, b)
        for a, b in zip(first, second, strict=True)
        if a.numel()
    )
