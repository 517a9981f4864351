"""Effective resistances against circuits and dense inverses; deletions drawn by them, and by degrees (DSpar)."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np
import pytest
import torch
from benchmark.algorithms.edges import _resistance, dspar
from benchmark.algorithms.edges._deletions import deleted, drawn
from benchmark.algorithms.edges._resistance import projected, resistances
from benchmark.algorithms.edges._rewriting import editor
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from benchmark.graphs.edges import Graph
from tests.support.graphs import bridges, connected, cora, dense_random, graph_from, laplacians, pairs_of, ring

PIECES = Graph.of(9, [(0, 1), (0, 2), (1, 2), (3, 4), (4, 5), (5, 6), (6, 3)])
"""A triangle, a square and two nodes of their own."""


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def exact(graph: Graph) -> np.ndarray:
    return resistances(graph, 100, 0.5, draws())


# --- resistances ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (ring(8), [7 / 8] * 8),
        (graph_from(nx.complete_graph(6)), [2 / 6] * 15),
        (graph_from(nx.path_graph(4)), [1, 1, 1]),
        (PIECES, [2 / 3] * 3 + [3 / 4] * 4),
        (Graph.of(4, [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]), [5 / 8, 5 / 8, 1 / 2, 5 / 8, 5 / 8]),
        (Graph.of(3, []), []),
    ],
    ids=["ring", "complete", "path", "pieces", "diamond", "nothing"],
)
def test_the_resistances_of_circuits_on_paper(graph, expected):
    assert exact(graph) == pytest.approx(expected)


@settings(max_examples=50)
@given(graph=connected() | st.just(PIECES))
def test_resistances_add_up_to_nodes_less_components_and_are_1_on_bridges_alone(graph):
    values = exact(graph)
    assert values.sum() == pytest.approx(graph.nodes - graph.components[0])  # Foster
    whole = {(i, j) for (i, j), value in zip(graph.ends.tolist(), values, strict=True) if value > 1 - 1e-9}
    assert whole == bridges(graph)


@settings(max_examples=30)
@given(graph=connected())
def test_resistances_are_those_of_the_pseudo_inverse(graph):
    inverse = np.linalg.pinv(laplacians(graph)[0])
    for (i, j), value in zip(graph.ends.tolist(), exact(graph), strict=True):
        assert value == pytest.approx(inverse[i, i] + inverse[j, j] - 2 * inverse[i, j])


@pytest.mark.parametrize("crowded", [0, 32], ids=["iterative", "factor"])
def test_projections_are_within_their_error(monkeypatch, crowded):
    monkeypatch.setattr(_resistance, "CROWDED", crowded)
    graph, error = dense_random(60, 120, seed=3), 0.5
    near, true = projected(graph, error, draws()), exact(graph)
    assert (np.abs(near / true - 1) < error).all()
    assert np.abs(near / true - 1).max() > 1e-4
    assert np.array_equal(resistances(graph, 59, error, draws()), near)
    assert np.array_equal(resistances(graph, 60, error, draws()), true)


# --- the sample -------------------------------------------------------------------------------------------------------


def test_reweighted_samples_by_projected_resistances_keep_quadratic_forms():
    """With the weights of the paper, count / (Q p): x'Lx stays, so that these are the right probabilities."""
    graph = graph_from(nx.barbell_graph(30, 2))
    p = projected(graph, 0.5, draws(1))
    p /= p.sum()
    often = 8 * graph.nodes * np.log(graph.nodes)
    weights = draws(2).multinomial(round(often), p) / (round(often) * p)
    u, v = graph.ends.T
    for x in draws(3).standard_normal((20, graph.nodes)):
        steps = (x[u] - x[v]) ** 2
        assert weights @ steps == pytest.approx(steps.sum(), rel=0.3)


def test_edges_are_kept_by_weight_without_replacement():
    """Two of three of weights 1, 2, 5 are kept: the chances of pairs, by hand."""
    seen = Counter(tuple(sorted(drawn(np.array([1.0, 2.0, 5.0]), draws(seed))[1:].tolist())) for seed in range(4000))
    pair = {(0, 1): 1 / 8 * 2 / 7 + 2 / 8 * 1 / 6, (0, 2): 1 / 8 * 5 / 7 + 5 / 8 * 1 / 3}
    pair[1, 2] = 1 - sum(pair.values())
    for which, chance in pair.items():
        assert seen[which] == pytest.approx(4000 * chance, abs=4 * np.sqrt(4000 * chance))


def test_dspar_scores_four_edges_by_their_degrees():
    assert dspar.scores(Graph.of(4, [(0, 1), (0, 2), (1, 2), (2, 3)])) == pytest.approx([1, 5 / 6, 5 / 6, 4 / 3])


@settings(max_examples=40)
@given(graph=connected() | st.just(PIECES), count=st.integers(0, 20), seed=st.integers(0, 99))
@pytest.mark.parametrize("weigh", [dspar.scores, exact], ids=["dspar", "resistance"])
def test_exactly_so_many_edges_go_each_once(weigh, graph, count, seed):
    order = drawn(weigh(graph), draws(seed))
    free, kept = (deleted(graph, order, count, connectivity) for connectivity in ("free", "keep"))
    assert len(set(free)) == len(free) == min(count, graph.size)
    assert len(set(kept)) == len(kept) == min(count, graph.removable)
    assert {edit[:2] for edit in free + kept} <= pairs_of(graph)
    assert graph.edited(kept).components[0] == graph.components[0]
    assert np.array_equal(order, drawn(weigh(graph), draws(seed)))


def test_equal_seeds_give_equal_edits_and_others_do_not():
    graph = dense_random(20, 30, seed=1)
    ends = torch.from_numpy(graph.ends.T)
    data = Data(edge_index=torch.cat([ends, ends.flip(0)], dim=1), num_nodes=graph.nodes)

    def plan(graph, count, draws):
        return deleted(graph, drawn(resistances(graph, 10, 0.5, draws), draws), count, "keep")

    def log(seed: int) -> list[list[int]]:
        return editor(plan, lambda size: 10, seed)(data).edits.tolist()

    assert log(0) == log(0) != log(1)


def test_on_cora_projections_agree_with_the_exact(real_data):
    graph = cora(real_data)
    true, near = resistances(graph, 4000, 0.3, draws()), resistances(graph, 10, 0.3, draws())
    assert true.sum() == pytest.approx(graph.nodes - 1)
    assert np.abs(near / true - 1).max() < 0.3
