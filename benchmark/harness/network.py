"""Builds a task's network from a seed, and evaluates a network on a split."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from benchmark.data.splits import Batch, Data
from benchmark.errors import Inapplicable
from benchmark.random_streams import stream_seed
from benchmark.training.task import Task

EVALUATION_BATCH = 1000
"""Examples per batch of an evaluation, unless the data set another number as `portion`."""


def build(task: Task, model: str, seed: int) -> nn.Module:
    """A network of the task, with weights drawn from the random stream `init` of the seed.

    Its memory format is channels-last, with which convolutions of oneDNN and cuDNN are faster.

    Raises:
        Inapplicable: it has lazy layers, whose size is not known.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "init"))
        network: nn.Module = task.model(model)()
        if lazy := [name for name, p in network.named_parameters() if is_lazy(p)]:
            raise Inapplicable(f"'{lazy[0]}' is lazy and has no size yet; the constructor has to call the network once")
        return network.to(memory_format=torch.channels_last)


def sketch(task: Task, model: str) -> nn.Module | None:
    """The network for looking at its layers: without values, or with some where that cannot be; None if it fails."""
    try:
        with torch.device("meta"):
            return task.model(model)()
    except Exception:  # a constructor that computes with its weights, for example
        pass
    try:
        return build(task, model, 0)
    except Exception:  # whoever needs its values is told why
        return None


def evaluate(task: Task, model: nn.Module, data: Data, device: torch.device) -> dict[str, float]:
    """The task's metrics of a network on a split."""
    model.eval()
    with torch.no_grad():
        return task.evaluate(model, _batches(data.to(device)))


def _batches(data: Data) -> Iterator[Batch]:
    size = getattr(data, "portion", EVALUATION_BATCH)  # large graphs set a smaller batch
    for first in range(0, len(data), size):
        yield data.batch(torch.arange(first, min(first + size, len(data))))
