"""Starts: networks that begin with the tensors of a file instead of a random initialisation.

The process that runs the algorithm and the referee read the same bytes independently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.data.networks import read_network
from benchmark.errors import Inapplicable
from benchmark.training.state import tensors
from benchmark.training.task import Task


@dataclass(frozen=True)
class StartFile:
    """A file with the tensors that a network begins with.

    Args:
        digest: SHA-256 of its bytes.
        task: the task that its network was trained for; empty if that is not known.
        cost: the cost of its network according to its record; empty if that is not known.
        remark: what readers should know about it, a sentence; empty if there is nothing.
    """

    path: Path
    digest: str
    task: str = ""
    cost: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors, by name. Raises ValueError if the file is no longer what it was, or cannot be read."""
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise ValueError(f"the start {self.path} was changed while the run was prepared")
        return read_network(content, self.path.name)


@dataclass(frozen=True)
class Fit:
    """How the tensors of a start fit a network.

    Args:
        values: the tensors that the network takes.
        drawn: the names of the network's tensors that stay as they were initialised, each with the reason.
    """

    values: dict[str, Tensor]
    drawn: dict[str, str]

    def drawn_parameters(self, model: nn.Module) -> list[str]:
        """The parameters that stay as they were initialised, with the reasons."""
        names = dict(model.named_parameters())
        return [f"{name} ({reason})" for name, reason in self.drawn.items() if name in names]


def fit(given: Mapping[str, Tensor], model: nn.Module, task: Task) -> Fit:
    """Compare the tensors of a start with those of a network: those that agree in name, shape and kind are taken.

    Raises:
        Inapplicable: the network has no parameter in common with the start.
    """
    own = tensors(model)
    fitted = task.adapt(given, own) if task.adapt else given
    drawn = {name: _reason(value, fitted.get(name)) for name, value in own.items()}
    values = {name: fitted[name] for name, reason in drawn.items() if not reason}
    found = Fit(values, {name: reason for name, reason in drawn.items() if reason})
    if not values.keys() & dict(model.named_parameters()).keys():
        raise Inapplicable(
            f"the start has no parameter of this network: it has {_some(list(given))}, "
            f"and the network {_some(found.drawn_parameters(model))}"
        )
    return found


def place(start: StartFile, model: nn.Module, task: Task, exchanged: torch.Generator | None = None) -> Fit:
    """Begin a network with a start.

    Args:
        exchanged: the generator that chooses which tensors of equal shape change places first; None to exchange none.

    Raises:
        Inapplicable: the network has no parameter in common with the start, or no tensors can change places.
        ValueError: the file cannot be read.
    """
    found = fit(start.tensors(), model, task)
    values = found.values if exchanged is None else relayered(found.values, exchanged)
    with torch.no_grad():
        for name, value in tensors(model).items():
            if name in values:
                value.copy_(values[name])
    return found


def relayered(values: Mapping[str, Tensor], draws: torch.Generator) -> dict[str, Tensor]:
    """Tensors, with those of equal shape and kind in each other's places; none of these stays where it is.

    The kind is the last part of the name: a variance does not take the place of a bias, which may be negative.

    Raises:
        Inapplicable: no two weights of layers, tensors of two dimensions or more, are alike.
    """
    groups: dict[tuple[object, ...], list[str]] = {}
    for name, value in values.items():
        groups.setdefault((name.rpartition(".")[2], value.shape, value.dtype), []).append(name)
    moved = dict(values)
    for names in groups.values():
        order = [names[i] for i in torch.randperm(len(names), generator=draws).tolist()]
        moved |= {to: values[source] for to, source in zip(order, order[1:] + order[:1], strict=True)}
    if all(len(names) == 1 for names in groups.values() if values[names[0]].dim() > 1):
        raise Inapplicable("no two layers of the start have weights of the same shape; none can take another's place")
    return moved


def _reason(own: Tensor, given: Tensor | None) -> str:
    """Why a network's tensor is not taken from a start; empty if it is."""
    if given is None:
        return "not in the start"
    if given.shape != own.shape:
        return f"{_shape(own)} here, {_shape(given)} in the start"
    if given.is_floating_point() != own.is_floating_point():
        return f"{own.dtype} here, {given.dtype} in the start".replace("torch.", "")
    return ""


def _shape(value: Tensor) -> str:
    return " x ".join(map(str, value.shape)) or "a number"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
