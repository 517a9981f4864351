"""What a cell begins with: its network, drawn from its seed, and the target that its masks must reach.

Both the process that runs the algorithm and the referee make it, each for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from benchmark.data.splits import Data
from benchmark.harness.applicable import require_applicable, require_outputs
from benchmark.harness.controls import narrowed
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.pruning.pattern_names import pattern_named
from benchmark.pruning.structured import Channels
from benchmark.pruning.target import Target
from benchmark.random_streams import stream_seed
from benchmark.training.channel_tracing import trace
from benchmark.training.recipe import Recipe
from benchmark.training.run_state import RunState
from benchmark.training.shared_trainings import SharedTrainings
from benchmark.training.state import tensors
from benchmark.training.step import Tick


@dataclass(frozen=True)
class Beginning:
    """A question with the network that it begins with.

    Args:
        question: its task has a narrowed network under the control `dense-small`.
        start: copies of the network's tensors.
        target: the density and the pattern that the algorithm is asked for.
        recipe: how the network is trained.
    """

    question: Question
    model: nn.Module
    start: dict[str, Tensor]
    target: Target
    recipe: Recipe

    @property
    def expected(self) -> Target:
        """The density and the pattern that the audit requires of the masks."""
        question = self.question
        keeps_all = "weights" not in question.algorithm.prunes or question.cell.control == "dense-long"
        return Target(1.0) if keeps_all else self.target


def begin(question: Question, train: Data) -> Beginning:
    """Build the network of a cell from its seed.

    Args:
        train: the training split. Its length is that of an epoch, and examples of it show the pattern `channels` how
            the layers are connected.

    Raises:
        Inapplicable: no narrower network can be built for the control `dense-small`, the pattern is `channels` and
            the network has none that can be removed, or there is nothing to prune or to train.
    """
    cell = question.cell
    target = Target(cell.density, pattern_named(cell.pattern))
    if cell.control == "dense-small":
        question, target = replace(question, task=narrowed(question.task, cell.model, target)), Target(1.0)
    model = build(question.task, cell.model, cell.seed).to(question.device)
    start = {name: value.clone() for name, value in tensors(model).items()}
    if isinstance(target.pattern, Channels):
        target = replace(target, pattern=trace(model, question.task, train.batch(torch.zeros(2, dtype=torch.int64))))
    recipe = question.task.recipe(cell.budget, cell.model, len(train))
    return Beginning(question, model, start, target, recipe)


def run_state(beginning: Beginning, train: Data, tick: Tick) -> RunState:
    """The state of the run of a cell, before its algorithm is called."""
    question = beginning.question
    cell, task, device = question.cell, question.task, question.device

    def draw(name: str) -> nn.Module:
        return build(task, cell.model, stream_seed(cell.seed, name))

    about = f"{cell.setting} {cell.model} {cell.budget} {cell.seed}"
    shared = SharedTrainings(question.sharing, about, device) if question.sharing else None
    recipe, train = beginning.recipe, train.to(device)
    require_outputs(beginning.model, task, train)
    state = RunState(task, beginning.model, recipe, beginning.target, train, cell.seed, tick, draw, shared)
    require_applicable(question.algorithm, state)
    return state
