"""`run.rewrite`: the training graph is edited, once, for all that comes after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from benchmark import Recipe, Run, Target
from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.training.run_state import RunState
from tests.support.runs import (
    toy_run,
)


@dataclass(frozen=True)
class OneGraph:
    """A graph on five nodes: pairs of neighbours, and a number on every node."""

    pairs: tuple[tuple[int, int], ...] = ((0, 1), (1, 2), (2, 3), (3, 4))
    digest: str = ""

    def __len__(self) -> int:
        return 1

    def batch(self, index: Tensor) -> Tensor:
        """[5, 5], what a node hears of its neighbours."""
        heard = torch.eye(5)
        for a, b in self.pairs:
            heard[a, b] = heard[b, a] = 1
        return heard

    def to(self, device: torch.device) -> OneGraph:
        return self

    def rewrite(self, edit: Callable[[OneGraph], OneGraph]) -> OneGraph:
        return edit(self)

    @property
    def edges(self) -> int:
        return len(self.pairs)


def without_last(graph: OneGraph) -> OneGraph:
    return replace(graph, pairs=graph.pairs[:-1])


def graph_run() -> Run:
    task = replace(
        toy,
        models={"net": lambda: nn.Sequential(nn.Linear(5, 1, bias=False))},
        loss=lambda net, heard: net(heard).sum(),
        prunes=frozenset({"edges"}),
    )
    return Run(
        RunState(task, build(task, "net", 0), Recipe(steps=3, batch_size=8, rate=0.1), Target(1.0), OneGraph(), 0)
    )


def test_rewriting_edits_the_training_data_and_is_remembered():
    run = graph_run()
    assert [step.grads["0.weight"].tolist() for step in run.steps(1)] == [[[2.0, 3.0, 3.0, 3.0, 2.0]]]
    run.rewrite(without_last)
    run.rewrite(without_last)
    assert run.data.edges == 2
    assert run._state.edits == [without_last, without_last]
    assert run.gradients(1)["0.weight"].tolist() == [[2.0, 3.0, 2.0, 1.0, 1.0]]
    assert [step.grads["0.weight"].tolist() for step in run.steps(1)] == [[[2.0, 3.0, 2.0, 1.0, 1.0]]]


def test_what_is_learnt_after_a_rewrite_is_learnt_on_the_edited_data():
    run = graph_run()
    run.rewrite(without_last)
    weights = run.weights
    with run.learning(weights, lambda scores: scores):
        assert [step.grads["0.weight"].tolist() for step in run.steps(1)] == [[[2.0, 3.0, 3.0, 2.0, 1.0]]]


def test_a_rewrite_while_learning_holds_afterwards():
    run = graph_run()
    with run.learning(run.weights, lambda scores: scores):
        run.rewrite(without_last)
        assert [step.grads["0.weight"].tolist() for step in run.steps(1)] == [[[2.0, 3.0, 3.0, 2.0, 1.0]]]
    assert [step.grads["0.weight"].tolist() for step in run.steps(1)] == [[[2.0, 3.0, 3.0, 2.0, 1.0]]]


def test_tensors_cannot_be_rewritten():
    run = toy_run()
    with pytest.raises(TypeError, match="no graph"):
        run.rewrite(without_last)
    assert run._state.edits == []
