"""GTR: each edge against the total resistance after every possible one, by dense eigenvalues."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from benchmark.algorithms.edges import gtr
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark import Inapplicable
from benchmark.graphs.edges import Graph
from tests.support.graphs import TOY, connected, cora, graph_from, laplacians, non_edges, ring

PIECES = Graph.of(12, [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7), (7, 8), (8, 4), (9, 10)])
"""A path of four nodes, a ring of five, an edge, and a node alone."""


def total(graph: Graph) -> float:
    """n times the sum of 1 / mu over the eigenvalues mu > 0 of the Laplacian of a connected graph."""
    return float(graph.nodes * (1 / np.linalg.eigvalsh(laplacians(graph)[0])[1:]).sum())


@pytest.mark.parametrize(("graph", "known"), [(ring(8), 42.0), (TOY, 34.608696), (ring(3), 2.0)])
def test_the_total_resistance_of_the_test_is_that_of_known_graphs(graph, known):
    assert total(graph) == pytest.approx(known)


@settings(max_examples=40)
@given(graph=connected(most=12), count=st.integers(1, 5))
def test_every_edge_lowers_the_total_most_of_all(graph, count):
    now, log = graph, gtr.additions(graph, count)
    assert len(log) == min(count, len(non_edges(graph)))
    for edit in log:
        after = {pair: total(now.edited([(*pair, 1)])) for pair in non_edges(now)}
        least = min(after.values())
        assert edit[:2] == min(pair for pair, value in after.items() if value <= least + 1e-7 * (total(now) - least))
        now = now.edited([edit])


@settings(max_examples=30)
@given(graph=connected(most=12), data=st.data())
def test_the_total_falls_by_n_times_the_score_and_the_matrices_follow(graph, data):
    network, now = gtr.Network(np.arange(graph.nodes), graph), graph
    for _ in range(min(3, len(non_edges(graph)))):
        i, j = data.draw(st.sampled_from(non_edges(now)))
        score, before = network.scores()[i, j], total(now)
        network.add(i, j)
        now = now.edited([(i, j, 1)])
        assert before - total(now) == pytest.approx(graph.nodes * score)
    inverse = np.linalg.pinv(laplacians(now)[0])
    assert network.inverse == pytest.approx(inverse, abs=1e-9)
    assert network.squared == pytest.approx(inverse @ inverse, abs=1e-9)


def test_components_stay_apart_until_each_is_complete():
    log = gtr.additions(PIECES, 100)
    after = PIECES.edited(log)
    assert after.size == 6 + 10 + 1
    assert after.components[0] == PIECES.components[0] == 4
    assert log[0] == (0, 3, 1)  # the path's ends: B^2 / (1 + R) = 5 / 4; across the ring it is smaller
    assert [edit for edit in log if edit[0] < 4] == gtr.additions(PIECES.induced(np.arange(4)), 9)


def test_there_may_be_nothing_to_add():
    assert gtr.additions(Graph.of(3, []), 2) == []
    assert gtr.additions(graph_from(nx.complete_graph(4)), 2) == []


def test_a_component_too_large_for_dense_matrices_is_refused(monkeypatch):
    monkeypatch.setattr(gtr, "LARGEST", 7)
    with pytest.raises(Inapplicable, match="8 nodes, more than 7"):
        gtr.additions(ring(8), 1)


@pytest.mark.slow
def test_on_cora(real_data):
    graph = cora(real_data)
    log = gtr.additions(graph, 2)
    assert graph.edited(log).size == graph.size + 2
