"""Tasks whose data come in parts, one after the other, and networks under the masks of one part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from benchmark.data.splits import Data
from benchmark.data.tensors import TensorData
from benchmark.errors import Inapplicable
from benchmark.pruning.masks import Masks
from benchmark.training.prunable import Policy, conv_and_linear

State = Mapping[str, Tensor]
"""Parameters and buffers by name."""


def last_layer(model: nn.Module) -> list[str]:
    """The parameters of the last convolution or linear layer."""
    *_, weight = conv_and_linear(model)
    own = weight.removesuffix("weight")
    return [name for name, _ in model.named_parameters() if name.rpartition(".")[0] == own.rstrip(".")]


def before_last_layer(model: nn.Module) -> list[str]:
    """What is prunable in a stream: every convolution and linear layer except the last, which has the parts' heads."""
    return conv_and_linear(model)[:-1]


@dataclass(frozen=True)
class Stream:
    """Declares that the data of a task come in parts, and that the network is told which part an example belongs to.

    The outputs of all parts are side by side: those of part i, from 0, are i * classes to (i + 1) * classes - 1. They
    are the head of part i, and the loss and metrics of its examples use no other outputs.

    Args:
        divide: a function from a split to its parts, in order; every split has the same number of parts.
        classes: the number of outputs of each part.
        head: returns the names of the parameters that have a row for every output. They are not prunable.
    """

    divide: Callable[[Data], Sequence[Data]]
    classes: int
    head: Policy = last_layer

    def rows(self, number: int) -> slice:
        """The outputs of a part, counted from 0."""
        return slice(number * self.classes, (number + 1) * self.classes)

    def own(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Of outputs [n, all] and labels, int64 [n], those of each example's own part: [n, classes], and int64 [n]."""
        part = (labels // self.classes).view(-1, 1, 1).expand(-1, 1, self.classes)
        return outputs.view(len(outputs), -1, self.classes).gather(1, part).squeeze(1), labels % self.classes


def by_class(classes: int) -> Callable[[Data], list[Data]]:
    """A function that divides a split by labels: those from i * classes to (i + 1) * classes - 1 belong to part i.

    Parts share the memory of the split, whose examples have to be in the order of parts; otherwise it raises
    ValueError.
    """

    def divide(data: Data) -> list[Data]:
        if not isinstance(data, TensorData):
            raise TypeError(f"by_class divides TensorData, not {type(data).__name__}")
        part = data.targets // classes
        if bool((part.diff() < 0).any()):
            raise ValueError("the examples of a stream have to lie part by part")
        sizes = torch.bincount(part).tolist()
        pieces = zip(torch.split(data.inputs, sizes), torch.split(data.targets, sizes), strict=True)
        return [replace(data, inputs=inputs, targets=targets) for inputs, targets in pieces]

    return divide


def bias_of(name: str, parameters: State) -> str | None:
    """The name of the bias that goes with the weights of this name, one entry per unit; None if there is none."""
    bias = f"{name.removesuffix('weight')}bias"
    fits = bias != name and bias in parameters and parameters[bias].shape == parameters[name].shape[:1]
    return bias if fits else None


def answered(state: State, masks: Masks | None) -> dict[str, Tensor]:
    """The tensors that a network computes with under masks; with None, all of them as they are.

    Weights outside the masks count as 0, and so do the biases of units that keep no weight: such a unit is not used at
    all.
    """
    used = dict(state)
    for name, mask in (masks or {}).items():
        used[name] = state[name] * mask
        if bias := bias_of(name, state):
            used[bias] = state[bias] * mask.flatten(1).any(dim=1)
    return used


def frozen_entries(model: nn.Module, stream: Stream, masks: Masks, done: int) -> dict[str, Tensor]:
    """What never changes once these weights are frozen, bool by parameter: all that outputs of earlier parts depend on.

    That is the weights themselves, biases of units that have one of them, and the heads of the first `done` parts.
    """
    parameters = dict(model.named_parameters())
    entries = dict(masks.items())
    for name, mask in masks.items():
        if bias := bias_of(name, parameters):
            entries[bias] = mask.flatten(1).any(dim=1)
    for name in stream.head(model):
        entries[name] = torch.zeros_like(parameters[name], dtype=torch.bool)
        entries[name][: stream.rows(done).start] = True
    return entries


def require_freezable(model: nn.Module, stream: Stream, prunable: Sequence[str]) -> None:
    """Check that nothing in a network changes in training but prunable weights, their biases, and heads.

    Raises:
        Inapplicable: it has batch norm, for example, whose statistics the later parts would change.
    """
    parameters = dict(model.named_parameters())
    covered = {*prunable, *(bias_of(name, parameters) for name in prunable), *stream.head(model)}
    trained = [name for name, value in parameters.items() if value.requires_grad]
    for name in [*trained, *(name for name, _ in model.named_buffers())]:
        if name not in covered:
            raise Inapplicable(f"earlier parts would not keep their answers: '{name}' changes with every later part")
