"""A trained network as it is used: in eval mode, without the channels that were removed; and its dense parent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.data.splits import Data
from benchmark.errors import VerificationFailed, one_line
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.pruning.masks import Masks
from benchmark.pruning.structured import Channels
from benchmark.sweep.again import Network
from benchmark.training.channel_tracing import arguments, cut
from benchmark.training.task import Task

AGREES = 1e-4
"""How far outputs may lie from those of torch, as a share of the largest one, or of 1 if that is smaller than 1."""


@dataclass(frozen=True)
class Call:
    """The arguments that a task calls its network with, for one batch."""

    args: tuple[Any, ...]
    named: dict[str, Any]

    @property
    def tensors(self) -> list[Tensor]:
        """The arguments in order, if all of them are tensors; else empty."""
        values = [*self.args, *self.named.values()]
        return values if all(isinstance(value, Tensor) for value in values) else []

    def of(self, network: Callable[..., Any]) -> Tensor:
        """The tensor that a network returns; the first one if there are several."""
        outputs = network(*self.args, **self.named)
        while not isinstance(outputs, Tensor):
            outputs = next(iter(outputs.values() if isinstance(outputs, Mapping) else outputs))
        return outputs

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Call:
        """The same call with other tensors. All of its arguments have to be tensors."""
        return Call(tuple(map(change, self.args)), {name: change(value) for name, value in self.named.items()})


@dataclass(frozen=True)
class Deployed:
    """A network on the CPU, as it is used.

    Args:
        zeros: names of the layers of `network` with a `weight` that has zeros, although nothing was cut there.
        parent: a network of the same task and model that is not pruned. Its weights are random, since latency does not
            depend on their values.
        call: returns the arguments for a batch of the given number of training examples.
    """

    network: nn.Module
    parent: nn.Module
    zeros: list[str]
    call: Callable[[int], Call]


def deployed(trained: Network) -> Deployed:
    """The network of a record as it is used. Where its pattern is `channels`, what was removed is cut out."""
    question, train = trained.beginning.question, trained.train.to(torch.device("cpu"))
    cell = question.cell
    parent = build(registry.task(cell.task, cell.task_options), cell.model, cell.seed)
    channels = isinstance(trained.beginning.target.pattern, Channels)
    return as_used(trained.model, trained.masks, parent, question.task, train, channels=channels)


def as_used(model: nn.Module, masks: Masks, parent: nn.Module, task: Task, train: Data, *, channels: bool) -> Deployed:
    """A masked network as it is used.

    Args:
        train: the network is called with examples of this split.
        channels: whether the channels that the masks prune are cut out.

    Raises:
        VerificationFailed: without them the network has other outputs than with zeros.
    """
    network = deepcopy(model).cpu().eval()
    pruned = (name.rpartition(".") for name, mask in masks.items() if not bool(mask.all()))
    zeros = [layer for layer, _, own in pruned if own == "weight"]

    def call(count: int) -> Call:
        given = arguments(network, task, train.batch(torch.arange(count) % len(train)))
        return Call((), given) if isinstance(given, dict) else Call(given, {})

    if channels:
        two = train.batch(torch.zeros(2, dtype=torch.int64))
        smaller = cut(network, task, two, masks).eval()
        _require_same(smaller, network, call(2))
        return Deployed(smaller, parent.eval(), [], call)
    return Deployed(network, parent.eval(), zeros, call)


def _require_same(smaller: nn.Module, network: nn.Module, call: Call) -> None:
    try:
        with torch.no_grad():
            require_near("the smaller network", call.of(smaller), call.of(network))
    except (
        RuntimeError,
        IndexError,
        ValueError,
        VerificationFailed,
    ) as problem:  # or the remaining shapes do not match
        raise VerificationFailed(f"the channels that were removed cannot be cut out: {one_line(problem)}") from problem


def require_near(name: str, outputs: Tensor, expected: Tensor, agrees: float = AGREES) -> None:
    """Raise VerificationFailed if outputs are further from those of torch than `agrees` allows."""
    allowed = agrees * max(1.0, float(expected.abs().max()))
    apart = float((outputs.to(expected) - expected).abs().max())
    if not apart <= allowed:
        raise VerificationFailed(f"in {name}, outputs are {apart:.2g} from those of torch; {allowed:.2g} is allowed")
