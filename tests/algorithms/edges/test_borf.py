"""BORF: transport against a linear programme written anew, known curvatures, rounds against their definition."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from benchmark.algorithms.edges import _transport, borf
from benchmark.algorithms.edges._transport import Transports, plan
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from benchmark.graphs.edges import Graph
from tests.support.graphs import connected, graph_from, non_edges, pairs_of, ring

BARBELL = graph_from(nx.barbell_graph(5, 0))


def curvatures(graph: Graph) -> dict[tuple[int, int], float]:
    transports = Transports(graph)
    return {edge: transports[edge].curvature for edge in sorted(pairs_of(graph))}


def dual(distances: np.ndarray) -> float:
    """The least cost by Kantorovich's dual: the greatest sum of prices, none above its distance."""
    rows, columns = distances.shape
    limits = np.array([np.r_[np.eye(rows)[i], np.eye(columns)[j]] for i in range(rows) for j in range(columns)])
    worth = np.r_[np.full(rows, 1 / rows), np.full(columns, 1 / columns)]
    return float(-linprog(-worth, A_ub=limits, b_ub=distances.ravel(), bounds=(None, None)).fun)


def curvature_by_the_dual(graph: Graph, u: int, v: int) -> float:
    plain = nx.Graph(list(pairs_of(graph)))
    far = dict(nx.all_pairs_shortest_path_length(plain))
    return 1 - dual(np.array([[far[i][j] for j in plain[v]] for i in plain[u]], float))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (nx.complete_graph(2), 0),
        (nx.cycle_graph(3), 1 / 2),
        (nx.cycle_graph(4), 0),
        (nx.cycle_graph(5), 0),
        (nx.cycle_graph(6), 0),
        (nx.complete_graph(6), 4 / 5),
        (nx.star_graph(4), 0),
        (nx.complete_bipartite_graph(2, 3), 0),
    ],
    ids=["K2", "C3", "C4", "C5", "C6", "K6", "star", "K2,3"],
)
def test_the_curvatures_of_known_graphs(known, expected):
    values = curvatures(graph_from(known))
    assert list(values.values()) == pytest.approx([expected] * len(values), abs=1e-12)


def test_the_curvature_of_a_bridge_is_that_of_trees():
    """In a tree: 2 / d_u + 2 / d_v - 2. Here 3 neighbours of each end go 3 far, the ends 1."""
    two_stars = Graph.of(8, [(0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (1, 6), (1, 7)])
    assert curvatures(two_stars)[0, 1] == pytest.approx(2 / 4 + 2 / 4 - 2)
    assert min(curvatures(BARBELL), key=curvatures(BARBELL).__getitem__) == (4, 5)


@pytest.mark.parametrize("copies", [0, 500], ids=["programme", "assignment"])
@settings(max_examples=15)
@given(graph=connected(most=9))
def test_curvatures_are_those_of_an_independent_programme(copies, graph):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_transport, "COPIES", copies)
        found = curvatures(graph)
    for edge, value in found.items():
        assert value == pytest.approx(curvature_by_the_dual(graph, *edge), abs=1e-7)


@settings(max_examples=20)
@given(seed=st.integers(0, 99), rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_both_plans_move_all_mass_at_the_least_cost(seed, rows, columns):
    distances = np.random.default_rng(seed).integers(0, 4, (rows, columns)).astype(float)
    for moved in (plan(distances), _transport._programmed(distances)):
        assert moved.sum(axis=1) == pytest.approx([1 / rows] * rows)
        assert moved.sum(axis=0) == pytest.approx([1 / columns] * columns)
        assert (moved * distances).sum() == pytest.approx(dual(distances), abs=1e-7)


@settings(max_examples=30)
@given(graph=connected(), data=st.data())
def test_transports_stay_right_under_edits(graph, data):
    transports, now = Transports(graph), graph
    for _ in range(3):
        away = [(*pair, -1) for pair in data.draw(st.lists(st.sampled_from(sorted(pairs_of(now))), max_size=2))]
        more = data.draw(st.lists(st.sampled_from(non_edges(now)), max_size=2)) if non_edges(now) else []
        log = sorted({*away, *((*pair, 1) for pair in more)})
        if log and now.edited(log).size:
            transports.edit(log)
            now = now.edited(log)
    fresh = Transports(now)
    assert len(transports) == len(fresh) == now.size
    assert {edge: transports[edge] for edge in pairs_of(now)} == {edge: fresh[edge] for edge in pairs_of(now)}


def test_a_round_bridges_the_bottleneck_and_thins_the_cliques():
    log = borf.rounds(BARBELL, 3, added=1, deleted=2)
    assert [sign for *_, sign in log] == [1, -1, -1]
    assert log[0][0] in range(4)  # the bridge's transport joins two nodes 3 apart
    assert log[0][1] in range(6, 10)
    values = curvatures(BARBELL)
    assert [values[edit[:2]] for edit in log[1:]] == pytest.approx(sorted(values.values())[:-3:-1])


@settings(max_examples=30)
@given(graph=connected())
def test_a_round_is_chosen_from_the_curvatures_before_it(graph):
    transports = Transports(graph)
    order = transports.ordered()
    wanted = [transports[edge].dearest for edge in order[:4]]
    free = [(*pair, 1) for pair in dict.fromkeys(wanted) if pair in non_edges(graph)]
    log = free + [(*edge, -1) for edge in (order[-1], order[-2])]
    assert borf.rounds(graph, len(log)) == log


@settings(max_examples=30)
@given(graph=connected(), count=st.integers(0, 12))
def test_there_are_no_more_edits_than_asked_and_each_can_be_made(graph, count):
    log, now = borf.rounds(graph, count), graph
    assert len(log) == count or now.edited(log).size == 0
    assert log == borf.rounds(graph, count)
    for edit in log:
        assert edit[:2] in (pairs_of(now) if edit[2] < 0 else set(non_edges(now)))
        now = now.edited([edit])


def test_rounds_end_where_nothing_changes():
    assert borf.rounds(ring(4), 9, added=2, deleted=0)[2:] == []
    assert borf.rounds(graph_from(nx.complete_graph(4)), 9, added=3, deleted=0) == []
    assert borf.rounds(Graph.of(3, []), 4) == []


def test_a_round_must_edit_something():
    with pytest.raises(ValueError, match="edits nothing with added=0 and deleted=0"):
        borf.borf(None, added=0, deleted=0)
