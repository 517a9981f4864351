"""Measures a network by its task's metrics."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from benchmark.data.splits import Batch, Data
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
        return task.evaluate(model, _batches(data.to(device), len(data) if examples is None else examples))


def _batches(data: Data, examples: int) -> Iterator[Batch]:
    size = getattr(data, "portion", EVALUATION_BATCH)  # large graphs set a smaller batch
    for first in range(0, examples, size):
        yield data.batch(torch.arange(first, min(first + size, examples)))
