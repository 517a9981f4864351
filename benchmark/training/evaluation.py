"""Measures a network by its task's metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from benchmark.data.splits import Batch, Data
from benchmark.training.selective import doubts
from benchmark.training.task import Task

EVALUATION_BATCH = 1000
"""Examples per batch of an evaluation, unless the data set another number as `portion`."""


def evaluate(
    task: Task, model: nn.Module, data: Data, device: torch.device, examples: int | None = None
) -> dict[str, float]:
    """The task's metrics of a network, which is left in eval mode, on some data.

    Args:
        examples: how many of the data, from the first one on; None for all.
    """
    model.eval()
    with torch.no_grad():
        return task.evaluate(model, batches_of(data.to(device), examples))


def diagnose(task: Task, model: nn.Module, data: Data, device: torch.device) -> dict[str, Any]:
    """What a task says of a network, which is left in eval mode, on some data; of a classifier also `selective`.

    Its sureness is the largest softmax probability of a class.
    """
    model.eval()
    own = task.diagnose(model, data.to(device)) if task.diagnose else {}
    if task.logits is None:
        return own
    logits = task.logits
    with torch.no_grad():
        return {**own, "selective": doubts(logits(model, batch) for batch in batches_of(data.to(device)))}


def collapse(task: Task, model: nn.Module, data: Data, device: torch.device) -> str:
    """Why a network, which is left in eval mode, answers nothing (`Task.collapsed`); empty if it does."""
    if task.collapsed is None:
        return ""
    model.eval()
    with torch.no_grad():
        return task.collapsed(model, batches_of(data.to(device)))


def batches_of(data: Data, examples: int | None = None) -> Iterator[Batch]:
    """Batches that cover some data once, or so many of the examples, from the first one on."""
    count = len(data) if examples is None else examples
    size = getattr(data, "portion", EVALUATION_BATCH)  # large graphs set a smaller batch
    for first in range(0, count, size):
        yield data.batch(torch.arange(first, min(first + size, count)))
