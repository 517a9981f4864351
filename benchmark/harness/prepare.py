"""What a cell begins with: its network, initialised from its seed or from a start, and the target of its masks.

The process that runs the algorithm and the referee make it independently.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.data.splits import Data
from benchmark.errors import Inapplicable
from benchmark.harness.applicable import require_applicable, require_outputs
from benchmark.harness.controls import narrowed
from benchmark.harness.found import masks_of
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.harness.starts import Fit, place
from benchmark.machine import device_facts
from benchmark.plugins.code import digest, harness_digest
from benchmark.pruning.pattern_names import pattern_named
from benchmark.pruning.structured import Channels
from benchmark.pruning.target import Target
from benchmark.random_streams import stream, stream_seed
from benchmark.training.channel_tracing import trace
from benchmark.training.ranks import ALONE, Ranks
from benchmark.training.recipe import Recipe, finetuned
from benchmark.training.run_state import RunState
from benchmark.training.shared_trainings import SharedTrainings
from benchmark.training.sparse_training import CROSSOVER, available, why_not
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
        whole: the recipe of the budget, of which an already trained network may get a share.
        fit: how the tensors of the start fit the network; None without a start.
    """

    question: Question
    model: nn.Module
    start: dict[str, Tensor]
    target: Target
    recipe: Recipe
    whole: Recipe
    fit: Fit | None = None

    @property
    def trained(self) -> bool:
        """Whether the network is already trained for this task: no parameter is random, or taken from another task."""
        start, cell = self.question.start, self.question.cell
        if not start or not self.fit or self.fit.drawn_parameters(self.model):
            return False
        return start.task in ("", cell.task)

    @property
    def remarks(self) -> list[str]:
        """What readers of the record should know about the start."""
        drawn = self.fit.drawn_parameters(self.model) if self.fit else []
        return [f"not all of the network is from its start; drawn are {', '.join(drawn)}"] if drawn else []

    @property
    def expected(self) -> Target:
        """The density and the pattern that the audit requires of the masks."""
        question = self.question
        keeps_all = "weights" not in question.algorithm.prunes or question.cell.control == "dense-long"
        return Target(1.0) if keeps_all else self.target


def begin(question: Question, train: Data) -> Beginning:
    """Build the network of a cell from its seed, and from its start if it has one.

    Args:
        train: the training split. Its length is that of an epoch, and examples of it show the pattern `channels` how
            the layers are connected.

    Raises:
        Inapplicable: no narrower network can be built for the control `dense-small`, the pattern is `channels` and
            the network has none that can be removed, there is nothing to prune or to train, or the start does not
            fit.
        ValueError: the file of the start cannot be read.
    """
    cell = question.cell
    target = Target(cell.density, pattern_named(cell.pattern))
    if cell.control == "dense-small":
        question, target = replace(question, task=narrowed(question.task, cell.model, target)), Target(1.0)
    model = build(question.task, cell.model, cell.seed).to(question.device)
    fit = _placed(question, model)
    start = {name: value.clone() for name, value in tensors(model).items()}
    if isinstance(target.pattern, Channels):
        target = replace(target, pattern=trace(model, question.task, train.batch(torch.zeros(2, dtype=torch.int64))))
    whole = question.task.recipe(cell.budget, cell.model, len(train))
    recipe = finetuned(whole, cell.finetune.share, cell.finetune.rate) if cell.finetune else whole
    return Beginning(question, model, start, target, recipe, whole, fit)


def _placed(question: Question, model: nn.Module) -> Fit | None:
    """Begin the network with the start of its cell, if it has one."""
    cell, start = question.cell, question.start
    if cell.control == "relayer" and not start:
        raise Inapplicable("this network begins with random weights; only layers of a trained start are exchanged")
    if not start:
        return None
    if cell.control == "dense-small":
        raise Inapplicable("a narrow network begins with random weights; no start fits it")
    return place(start, model, question.task, stream(cell.seed, "relayer") if cell.control == "relayer" else None)


def _shared(question: Question) -> SharedTrainings | None:
    """The trainings that the cell has in common with others: of the same table, start and seed, code and machine."""
    if question.sharing is None:
        return None
    cell = question.cell
    facts = device_facts(question.device) | {"torch": torch.__version__, "numpy": np.__version__}
    bits = [harness_digest(), digest("task", cell.task), json.dumps(facts, sort_keys=True)]
    bits += [f"{question.processes} processes"] if question.processes > 1 else []
    bits += [f"sparse below {below:g}"] if (below := _sparse_below(question)) else []
    about = " ".join([*cell.table, cell.start, str(cell.seed), *bits])
    return SharedTrainings(question.sharing, about, question.device)


def _sparse_below(question: Question) -> float:
    """The share of kept weights below which steps are sparse; 0 for never."""
    if question.device.type != "cpu" or question.processes > 1:
        return 0.0
    if question.sparse_below is None:
        return CROSSOVER if available() else 0.0
    return question.sparse_below


def run_state(
    beginning: Beginning, train: Data, tick: Tick, validation: Data | None = None, ranks: Ranks = ALONE
) -> RunState:
    """The state of the run of a cell, before its algorithm is called."""
    question = beginning.question
    cell, task, device = question.cell, question.task, question.device

    def draw(name: str) -> nn.Module:
        return build(task, cell.model, stream_seed(cell.seed, name))

    recipe, train = beginning.recipe, train.to(device)
    require_outputs(beginning.model, task, train)
    if question.sparse_below and (reason := why_not(beginning.model, recipe)):
        raise Inapplicable(f"{reason}; leave --engine out")
    state = RunState(
        task,
        beginning.model,
        recipe,
        beginning.target,
        train,
        cell.seed,
        tick,
        draw,
        _shared(question),
        validation=validation,
        found=partial(masks_of, question.found),
        trained=beginning.trained,
        ranks=ranks,
        sparse=_sparse_below(question),
    )
    require_applicable(question.algorithm, state)
    return state
