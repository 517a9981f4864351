"""Prepares a run before the algorithm is called: reads the data, builds the network and the state of the run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from benchmark.data.splits import Splits
from benchmark.harness.applicable import require_applicable
from benchmark.harness.controls import narrowed
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.pruning.pattern_names import pattern_named
from benchmark.pruning.structured import Channels
from benchmark.pruning.target import Target
from benchmark.random_streams import stream_seed
from benchmark.training.channel_tracing import trace
from benchmark.training.run_state import RunState
from benchmark.training.shared_trainings import SharedTrainings
from benchmark.training.state import tensors
from benchmark.training.step import Tick


@dataclass(frozen=True)
class Prepared:
    """A question whose data are read and whose network is built.

    Args:
        start: copies of the network's tensors, before the algorithm is called.
        expected: the density and the pattern that the audit requires of the masks.
    """

    question: Question
    splits: Splits
    model: nn.Module
    start: dict[str, Tensor]
    state: RunState
    expected: Target


def prepare(question: Question, tick: Tick) -> Prepared:
    """Read the data of a question and build its network, from the seed of its cell.

    Raises:
        Inapplicable: no narrower network can be built for the control `dense-small`, the pattern is `channels` and
            the network has none that can be removed, or there is nothing to prune or to train.
    """
    cell, device = question.cell, question.device
    target = Target(cell.density, pattern_named(cell.pattern))
    if cell.control == "dense-small":
        question, target = replace(question, task=narrowed(question.task, cell.model, target)), Target(1.0)
    task = question.task
    splits = task.source.splits(question.folder, cell.seed)
    model = build(task, cell.model, cell.seed).to(device)
    start = {name: value.clone() for name, value in tensors(model).items()}
    if isinstance(target.pattern, Channels):
        target = replace(target, pattern=trace(model, task, splits.train.batch(torch.zeros(2, dtype=torch.int64))))

    def draw(name: str) -> nn.Module:
        return build(task, cell.model, stream_seed(cell.seed, name))

    about = f"{cell.setting} {cell.model} {cell.budget} {cell.seed}"
    shared = SharedTrainings(question.shared, about, device) if question.shared else None
    recipe, train = task.recipe(cell.budget, cell.model), splits.train.to(device)
    state = RunState(task, model, recipe, target, train, cell.seed, tick, draw, shared)
    require_applicable(question.algorithm, state)
    keeps_all = "weights" not in question.algorithm.prunes or cell.control == "dense-long"
    return Prepared(question, splits, model, start, state, Target(1.0) if keeps_all else target)
