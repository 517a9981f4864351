"""Weights of edges: what is refused, with one line, and how edits keep them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data

from benchmark.graphs.edge_weights import edge_weights
from benchmark.graphs.edges import Graph, graph_of, rebuilt
from tests.support.graphs import connected

ENDS = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
"""The path 0 - 1 - 2."""


def path(weights: object, ends: torch.Tensor = ENDS) -> Data:
    return Data(edge_index=ends, edge_weight=weights, num_nodes=3)


def test_weights_are_handed_on_in_float32():
    assert edge_weights(path(None)) is None
    weights = edge_weights(path(torch.tensor([0.5, 0.5, 2.0, 2.0], dtype=torch.float64)))
    assert weights.dtype == torch.float32
    assert weights.tolist() == [0.5, 0.5, 2, 2]
    assert edge_weights(Data(edge_index=ENDS[:, :0], edge_weight=torch.empty(0), num_nodes=3)).tolist() == []


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([0.5, 0.5], r"one floating-point number per edge, \[4\], got torch.float32 \[2\]"),
        ([[1.0]] * 4, r"got torch.float32 \[4, 1\]"),
        ([1, 1, 1, 1], r"got torch.int64 \[4\]"),
        ([1.0, 1.0, 0.0, 0.0], "positive and finite in float32, got 0; delete"),
        ([1.0, 1.0, -2.0, -2.0], "got -2"),
        ([1.0, 1.0, float("nan"), 1.0], "got nan"),
        ([float("inf"), 1.0, 1.0, 1.0], "got inf"),
        ([1.0, 1.0, 1.0, 2.0], r"edge \(1, 2\) weighs 1 and \(2, 1\) 2"),
    ],
)
def test_bad_weights_are_one_clear_line(weights, words):
    with pytest.raises(ValueError, match=words) as refused:
        edge_weights(path(torch.tensor(weights)))
    assert "\n" not in str(refused.value)


def test_what_is_0_or_infinite_in_float32_is_refused():
    for value in (1e-60, 1e60):
        with pytest.raises(ValueError, match="in float32"):
            edge_weights(path(torch.full((4,), value, dtype=torch.float64)))


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ([[0, 1, 2, 1], [1, 0, 2, 1]], "node 2 has a weighted self-loop"),
        ([[0, 1, 0, 1], [1, 0, 1, 0]], "an edge has two weights"),
        ([[0, 1, 1, 0], [1, 0, 2, 2]], "in one direction only"),
    ],
)
def test_weights_belong_to_the_edges_of_a_simple_graph(ends, words):
    with pytest.raises(ValueError, match=words):
        edge_weights(path(torch.ones(4), torch.tensor(ends)))


def test_directions_of_a_directed_graph_have_weights_of_their_own():
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert torch.equal(edge_weights(path(weights), directed=True), weights)
    with pytest.raises(ValueError, match="weighs"):
        edge_weights(path(weights))


@given(graph=connected(), seed=st.integers(0, 99))
def test_an_edit_gives_both_directions_of_every_edge_its_weight(graph: Graph, seed: int):
    draws = np.random.default_rng(seed)
    ends = torch.from_numpy(graph.ends.T)
    both = torch.cat([ends, ends.flip(0)], dim=1)[:, torch.from_numpy(draws.permutation(2 * graph.size))]
    log = [(int(i), int(j), -1) for i, j in graph.ends[:2]]
    weights = draws.random(graph.size - 2) + 0.1
    edited = rebuilt(Data(edge_index=both, num_nodes=graph.nodes), log, 2, weights)
    expected = {(i, j): w for (i, j), w in zip(graph_of(edited).ends.tolist(), weights.tolist(), strict=True)}
    found = edge_weights(edited)
    for i, j, weight in zip(*edited.edge_index.tolist(), found.tolist(), strict=True):
        assert weight == pytest.approx(expected[min(i, j), max(i, j)])
