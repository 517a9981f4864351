"""Measures a network by its task's metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from benchmark.data.splits import Batch, Data
from benchmark.training.selective import Doubt, doubt, doubts
from benchmark.training.task import Task

EVALUATION_BATCH = 1000
"""Examples per batch of an evaluation, unless the data set another number as `portion`."""

PLAIN = (bool, int, float, str, type(None))
"""Types of inputs other than tensors that can be compared for equality."""


def evaluate(
    task: Task, model: nn.Module, data: Data, device: torch.device, examples: int | None = None
) -> dict[str, float]:
    """The task's metrics of a network, which is left in eval mode, on some data.

    Args:
        examples: the number of examples, from the first one on; None for all.
    """
    model.eval()
    with torch.no_grad():
        return task.evaluate(model, batches_of(data.to(device), examples))


def examine(task: Task, model: nn.Module, data: Data, device: torch.device) -> tuple[dict[str, float], dict[str, Any]]:
    """The task's metrics of a network, which is left in eval mode, on some data, and the task's diagnosis of it there.

    The diagnosis of a classifier also has its risks (`selective`); its confidence is the largest softmax probability of
    a class. Both come from one pass over the data, if the metrics are computed from the task's `logits`.
    """
    data = data.to(device)
    model.eval()
    own = task.diagnose(model, data) if task.diagnose else {}
    if task.logits is None:
        return evaluate(task, model, data, device), own
    logits, found = task.logits, list[Doubt]()
    with torch.no_grad(), remembering(model) as forget:

        def passing() -> Iterator[Batch]:
            for index in portions(data):
                yield data.batch(index)  # the metrics are measured on it, and then
                found.append(doubt(*logits(model, data.batch(index))))
                forget()

        batches = passing()
        metrics = task.evaluate(model, batches)
        for _ in batches:  # those that the metrics leave out
            pass
    return metrics, {**own, "selective": doubts(found)}


def collapse(task: Task, model: nn.Module, data: Data, device: torch.device) -> str:
    """Why a network, which is left in eval mode, predicts nothing (`Task.collapsed`); empty if it does predict."""
    if task.collapsed is None:
        return ""
    model.eval()
    with torch.no_grad():
        return task.collapsed(model, batches_of(data.to(device)))


@contextmanager
def remembering(model: nn.Module) -> Iterator[Callable[[], None]]:
    """Within this context, a network that is called again with the same inputs returns its outputs from memory.

    Yields:
        a function that makes it forget these outputs.
    """
    known: list[tuple[_Seen, _Seen]] = []
    forward, own = model.forward, "forward" in vars(model)  # some networks choose theirs when they are made

    def answer(*args: Any, **kwargs: Any) -> Any:
        given = _Seen((args, kwargs))
        for inputs, outputs in known:
            if outputs.unchanged and inputs.unchanged and inputs.same_as(given):
                return outputs.values
        outputs = _Seen(forward(*args, **kwargs))
        known.append((given, outputs))
        return outputs.values

    model.forward = answer
    try:
        yield known.clear
    finally:
        if own:
            model.forward = forward
        else:
            del model.forward


class _Seen:
    """Tensors, and plain values among them, as they were when they were seen."""

    def __init__(self, values: Any) -> None:
        self.values = values
        self._leaves = tree_leaves(values)
        self._versions = [leaf._version for leaf in self._leaves if isinstance(leaf, Tensor)]

    @property
    def unchanged(self) -> bool:
        """Whether no tensor has been changed in place since."""
        return self._versions == [leaf._version for leaf in self._leaves if isinstance(leaf, Tensor)]

    def same_as(self, other: _Seen) -> bool:
        """Whether these are equal tensors and plain values."""
        return len(self._leaves) == len(other._leaves) and all(map(_same, self._leaves, other._leaves))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and one.device == other.device and torch.equal(one, other)
    return isinstance(one, PLAIN) and type(one) is type(other) and bool(one == other)


def batches_of(data: Data, examples: int | None = None) -> Iterator[Batch]:
    """Batches that cover some data once, or the given number of examples, from the first one on."""
    return (data.batch(index) for index in portions(data, examples))


def portions(data: Data, examples: int | None = None) -> Iterator[Tensor]:
    """The examples of each batch of `batches_of`, int64."""
    count = len(data) if examples is None else examples
    size = getattr(data, "portion", EVALUATION_BATCH)  # large graphs set a smaller batch
    for first in range(0, count, size):
        yield torch.arange(first, min(first + size, count))
