"""`run.rewrite` with weights of edges: they reach the network, or the method is told that they cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark import Inapplicable, Run
from benchmark.contract.toy_graph import Aggregating, graph
from benchmark.training.recipe import Recipe
from tests.support.runs import toy_run

RECIPE = Recipe(steps=3, batch_size=1, rate=0.1)


def graph_run(**changes: Any) -> Run:
    return toy_run(RECIPE, 1.0, task=replace(graph, **changes), model="graph")


def weighted(data: Any) -> Any:
    """Edges weigh the sum of their ends' numbers, over 40."""
    data.edge_weight = (1 + data.edge_index.sum(dim=0)).float() / 40
    return data


def test_weights_are_those_of_the_dense_formula():
    run = graph_run()
    before = run._state.data.digest
    run.rewrite(weighted)
    batch, weights = run.batches(1)[0], run.parameters
    nodes = len(batch.x)
    mixing = torch.eye(nodes)
    for i, j in batch.edge_index.T.tolist():
        mixing[j, i] = (1 + i + j) / 40
    mixing /= mixing.sum(dim=1, keepdim=True)
    hidden = F.relu(mixing @ F.linear(batch.x, weights["first.weight"], weights["first.bias"]))
    expected = mixing @ F.linear(hidden, weights["second.weight"], weights["second.bias"])
    torch.testing.assert_close(run.outputs(batch), expected)
    assert run._state.data.digest != before


def test_random_inputs_leave_the_weights_of_edges_alone():
    run = graph_run()
    run.rewrite(weighted)
    batch, seen = run.batches(1)[0], list[Tensor]()
    run._state.model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["edge_weight"]), with_kwargs=True
    )
    objective = run._state.objective
    objective.outputs(batch, dict(run._state.model.named_parameters()), noise=3)
    objective.flow(batch, dict(run._state.model.named_parameters()))
    assert all(torch.equal(weights, batch.edge_weight) for weights in seen[-2:])


class Deaf(Aggregating):
    """A network that takes weights of edges and does nothing with them."""

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        return super().forward(x, edge_index)


def test_a_network_that_computes_without_them_is_told():
    run = graph_run(models={"graph": Deaf})
    run.rewrite(lambda data: data)
    with pytest.raises(Inapplicable, match="this network computes without them"):
        run.rewrite(weighted)


def test_data_that_lose_them_are_told(monkeypatch: pytest.MonkeyPatch):
    run = graph_run()
    monkeypatch.setattr("benchmark.contract.toy_graph.edge_weights", lambda data: None)
    with pytest.raises(Inapplicable, match="the batches of this task have no edge_weight"):
        run.rewrite(weighted)


def test_bad_weights_are_refused():
    def negative(data: Any) -> Any:
        data.edge_weight = -torch.ones(data.num_edges)
        return data

    with pytest.raises(ValueError, match="positive and finite in float32, got -1"):
        graph_run().rewrite(negative)
