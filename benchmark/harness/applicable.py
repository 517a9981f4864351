"""Refuses cells that cannot be run on their network, before the algorithm is called."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import Tensor, nn

from benchmark.data.splits import Data
from benchmark.errors import Inapplicable
from benchmark.harness.question import Method
from benchmark.pruning.patterns import Anywhere, Layer
from benchmark.training.objective import Objective
from benchmark.training.prunable import prunable_of, transposed
from benchmark.training.run_state import RunState
from benchmark.training.task import Task


def require_applicable(algorithm: Method, state: RunState) -> None:
    """Check that a method that prunes weights has weights to prune, in a pattern that they can have.

    Raises:
        Inapplicable: it cannot be run, with the reason.
    """
    if "weights" not in algorithm.prunes:
        return
    if not state.prunable:
        left_out = list(prunable_of(state.task.prunable, state.model).left_out.items())
        named = "; ".join(f"{name}: {reason}" for name, reason in left_out[:5])
        raise Inapplicable(f"this network has no prunable weight{f' ({named})' if named else ''}")
    if not isinstance(state.target.pattern, Anywhere | Layer):
        _require_input_channels(state)


def _require_input_channels(state: RunState) -> None:
    """Patterns with a shape need outputs in dimension 0 of every tensor, and inputs in dimension 1."""
    for name, weight in state.weights.items():
        if weight.dim() < 2 or transposed(state.model, name):
            raise Inapplicable(
                f"pattern {state.target.pattern.name} runs along input channels, and '{name}' has none in its second "
                f"dimension; leave it out with --prunable"
            )


def require_outputs(model: nn.Module, task: Task, train: Data) -> None:
    """Check that a classifier has an output for every class of its training data.

    Raises:
        ValueError: it has fewer, with both numbers.
    """
    labels, outputs = train.classes, list[Tensor]()
    if labels is None or not len(labels):
        return

    def note(module: nn.Module, args: object, output: object) -> None:
        if isinstance(output, Tensor):
            outputs.append(output)

    with suppress(Exception), torch.no_grad():  # the loss of a label that is too large raises one
        handle = model.register_forward_hook(note)
        try:
            Objective(model, task).at(train.batch(torch.arange(min(2, len(train)))), dict(model.named_parameters()))
        finally:
            handle.remove()
    lowest, highest = int(labels.min()), int(labels.max())
    if outputs and outputs[0].dim() == 2 and not 0 <= lowest <= highest < outputs[0].shape[1]:
        raise ValueError(
            f"the labels are {lowest} to {highest}, and the network has {outputs[0].shape[1]} outputs; "
            "classes are numbered from 0"
        )
