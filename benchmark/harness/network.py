"""Builds a task's network from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from benchmark.errors import Inapplicable
from benchmark.plugins import registry
from benchmark.random_streams import stream_seed
from benchmark.results.spelling import Choice
from benchmark.training.task import Task


def build(task: Task, model: str, seed: int) -> nn.Module:
    """A network of the task, with initial weights from the random stream `init` of the seed.

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


DRAWN = {Tensor.normal_, Tensor.uniform_}
"""The methods by which initialisers draw random values."""


class _NothingDrawn(TorchFunctionMode):
    """Leaves tensors without values as they are: torch would import its compiler for them, which takes a second."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in DRAWN and args[0].is_meta:
            return args[0]
        return function(*args, **(kwargs or {}))


@contextmanager
def without_values() -> Iterator[None]:
    """Networks that are built within this context have shapes, but no values."""
    with torch.device("meta"), _NothingDrawn():
        yield


def sketch(task: Task, model: str) -> nn.Module | None:
    """A network to look at the layers of: without values if that is possible; None if it cannot be built."""
    try:
        with without_values():
            return task.model(model)()
    except Exception:  # a constructor that computes with its weights, for example
        pass
    try:
        return build(task, model, 0)
    except Exception:  # whoever needs its values is told why
        return None


@dataclass(frozen=True)
class Sketched:
    """The network of cells, sketched on demand.

    Args:
        task: the task with its options; it is loaded on demand, too.
    """

    task: Choice
    model: str

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Sketched:
        """From what `described` says, in another process."""
        return cls(Choice(described["task"], described["options"]), described["model"])

    @property
    def described(self) -> dict[str, Any]:
        """What it takes to sketch it in another process, as JSON."""
        return {"task": self.task.name, "options": dict(self.task.options), "model": self.model}

    def __call__(self) -> nn.Module | None:
        return self._network

    @cached_property
    def _network(self) -> nn.Module | None:
        return sketch(registry.task(self.task.name, self.task.options), self.model)
