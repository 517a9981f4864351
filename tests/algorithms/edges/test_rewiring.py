"""The rewiring baselines: random edges, FoSR, SDRF and the curvature that it follows."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from benchmark.algorithms.edges import fosr, random_edges, sdrf
from benchmark.algorithms.edges._curvature import Curvatures, curvature
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.graphs.edges import Graph
from benchmark.graphs.wiring import Wiring
from tests.support.graphs import bridges, connected, cora, dense_random, graph_from, non_edges, pairs_of, ring


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- random edges -----------------------------------------------------------------------------------------------------

PIECES = Graph.of(9, [(0, 1), (0, 2), (1, 2), (3, 4), (4, 5), (5, 6), (6, 3)])


@settings(max_examples=60)
@given(graph=connected() | st.just(PIECES), count=st.integers(0, 20), seed=st.integers(0, 99))
def test_guarded_deletion_passes_over_every_edge_that_is_a_bridge_at_its_turn(graph, count, seed):
    expected, now = [], graph
    for slot in draws(seed).permutation(graph.size):
        edge = tuple(graph.ends[slot].tolist())
        if len(expected) < count and edge not in bridges(now):
            expected.append((*edge, -1))
            now = now.edited(expected[-1:])
    assert random_edges.guarded_deletions(graph, count, draws(seed)) == expected
    assert len(expected) == min(count, graph.removable)


@settings(max_examples=60)
@given(graph=connected() | st.just(PIECES), count=st.integers(0, 120), seed=st.integers(0, 99))
def test_random_edits_are_edges_or_non_edges_each_once(graph, count, seed):
    deleted = random_edges.deletions(graph, count, draws(seed))
    assert len(deleted) == len(set(deleted)) == min(count, graph.size)
    assert {(i, j) for i, j, _ in deleted} <= pairs_of(graph)
    added = random_edges.additions(graph, count, draws(seed))
    assert len(added) == len(set(added)) == min(count, len(non_edges(graph)))
    assert {(i, j) for i, j, _ in added} <= set(non_edges(graph))


@pytest.mark.parametrize(
    ("plan", "options"),
    [(random_edges.deletions, lambda g: sorted(pairs_of(g))), (random_edges.additions, non_edges)],
    ids=["deletions", "additions"],
)
def test_every_edge_is_as_likely_as_any_other(plan, options):
    graph = ring(7)
    seen = Counter(edit[:2] for seed in range(3000) for edit in plan(graph, 2, draws(seed)))
    expected = 6000 / len(options(graph))
    assert set(seen) == set(options(graph))
    assert max(abs(count - expected) for count in seen.values()) < 5 * np.sqrt(expected)


@pytest.mark.parametrize("plan", [random_edges.deletions, random_edges.guarded_deletions, random_edges.additions])
def test_in_a_graph_of_nothing_there_is_nothing_to_draw(plan):
    assert plan(Graph.of(1, []), 3, draws()) == []
    assert random_edges.additions(graph_from(nx.complete_graph(4)), 3, draws()) == []


# --- FoSR -------------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(graph=connected() | st.just(PIECES), count=st.integers(0, 6), seed=st.integers(0, 99))
def test_fosr_follows_the_authors_procedure_in_its_dense_form(graph, count, seed):
    x, adjacency, expected = draws(seed).uniform(-1, 1, graph.nodes), graph.adjacency.toarray(), []

    def step(x):
        root = np.sqrt(adjacency.sum(axis=1))
        x = x - (x @ root) * root / (root @ root)
        scale = np.where(root > 0, root, np.inf)
        x = x + (adjacency / np.outer(scale, scale)) @ x
        return x / np.linalg.norm(x)

    for _ in range(3):
        x = step(x)
    for _ in range(min(count, len(non_edges(graph)))):
        degrees = adjacency.sum(axis=1)
        value = {
            (i, j): x[i] * x[j] / np.sqrt((1 + degrees[i]) * (1 + degrees[j]))
            for i, j in combinations(range(graph.nodes), 2)
            if not adjacency[i, j]
        }
        lowest = min(value.values())
        i, j = min(pair for pair, number in value.items() if number <= lowest + 1e-10 * abs(lowest) + 1e-13)
        expected.append((i, j, 1))
        adjacency[i, j] = adjacency[j, i] = 1
        x = step(x)
    assert fosr.additions(graph, count, draws(seed), steps=3) == expected


def test_the_power_steps_of_fosr_end_at_the_second_eigenvector():
    graph = dense_random(30, 40, seed=1)
    wiring, x = Wiring(graph), draws().uniform(-1, 1, 30)
    for _ in range(3000):
        x = fosr.power_step(wiring, x)
    root = np.sqrt(wiring.degrees)
    values, vectors = np.linalg.eigh(wiring.adjacency().toarray() / np.outer(root, root))
    assert abs(vectors[:, -2] @ x) == pytest.approx(1, abs=1e-6)
    assert values[-2] < 1


# --- curvature and SDRF -----------------------------------------------------------------------------------------------


def neighbours_of(graph: Graph) -> list[set[int]]:
    return Curvatures(graph).neighbours


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (nx.cycle_graph(3), 3 / 2),
        (nx.cycle_graph(4), 1),
        (nx.cycle_graph(5), 0),
        (nx.cycle_graph(9), 0),
        (nx.complete_graph(4), 4 / 3),
        (nx.complete_graph(7), 7 / 6),
        (nx.star_graph(4), 0),
    ],
    ids=["C3", "C4", "C5", "C9", "K4", "K7", "star"],
)
def test_the_curvature_of_known_graphs(known, expected):
    graph = graph_from(known)
    values = [curvature(neighbours_of(graph), i, j) for i, j in graph.ends.tolist()]
    assert values == pytest.approx([expected] * graph.size)


def test_the_curvature_of_a_bottleneck_is_negative():
    barbell = neighbours_of(graph_from(nx.barbell_graph(4, 0)))
    assert curvature(barbell, 3, 4) == pytest.approx(2 / 4 + 2 / 4 - 2)
    assert curvature(barbell, 0, 1) > 1


def dense_curvature(adjacency: np.ndarray, i: int, j: int) -> float:
    """By matrix products, as in the definition."""
    degrees = adjacency.sum(axis=1)
    high, low = max(degrees[i], degrees[j]), min(degrees[i], degrees[j])
    if low <= 1:
        return 0.0
    a, b = adjacency[i], adjacency[j]
    triangles = a @ b
    mine, other = a * (1 - b), b * (1 - a)
    mine[j] = other[i] = 0
    over_mine, over_other = mine * (adjacency @ other), other * (adjacency @ mine)
    value = 2 / degrees[i] + 2 / degrees[j] - 2 + 2 * triangles / high + triangles / low
    most = max(over_mine.max(), over_other.max())
    return value + ((over_mine > 0).sum() + (over_other > 0).sum()) / (most * high) if most else value


@settings(max_examples=50)
@given(graph=connected(), data=st.data())
def test_curvatures_stay_right_under_edits(graph, data):
    curvatures, now = Curvatures(graph), graph
    for sign in data.draw(st.lists(st.sampled_from([-1, 1]), max_size=6)):
        options = sorted(pairs_of(now)) if sign < 0 else non_edges(now)
        if len(options) < 2:
            continue
        i, j = data.draw(st.sampled_from(options))
        (curvatures.add if sign > 0 else curvatures.delete)(i, j)
        now = now.edited([(i, j, sign)])
    adjacency = now.adjacency.toarray()
    assert len(curvatures) == now.size
    expected = {(i, j): dense_curvature(adjacency, i, j) for i, j in now.ends.tolist()}
    for edge, value in expected.items():
        assert curvatures[edge] == pytest.approx(value, abs=1e-12)
    assert curvatures[curvatures.lowest()] == pytest.approx(min(expected.values()))
    assert curvatures[curvatures.highest()] == pytest.approx(max(expected.values()))


def test_a_round_of_sdrf_bridges_the_bottleneck_and_thins_a_clique():
    barbell = graph_from(nx.barbell_graph(5, 0))
    added, deleted = sdrf.rounds(barbell, 1, draws(), temperature=50)
    assert added[2] == 1
    assert added[0] < 5 <= added[1]
    curvatures = Curvatures(barbell)
    helped = {pair: curvatures.with_edge(*pair, (4, 5)) for pair in non_edges(barbell)}
    assert helped[added[:2]] == pytest.approx(max(helped.values()))
    assert deleted == (*curvatures.highest(), -1)
    assert [sign for *_, sign in sdrf.rounds(barbell, 3, draws(), bound=None)] == [1, 1, 1]


def test_sdrf_draws_by_softmax():
    barbell = graph_from(nx.barbell_graph(4, 0))
    curvatures = Curvatures(barbell)
    seen = Counter(sdrf.support(curvatures, draws(seed), 2.0) for seed in range(4000))
    helped = np.array([curvatures.with_edge(*pair, (3, 4)) - curvatures[3, 4] for pair in sorted(seen)])
    expected = np.exp(2 * helped) / np.exp(2 * helped).sum() * 4000
    found = np.array([seen[pair] for pair in sorted(seen)])
    assert len(seen) == 15
    assert (np.abs(found - expected) < 5 * np.sqrt(expected) + 1).all()


def test_sdrf_ends_where_a_round_changes_nothing():
    assert sdrf.rounds(graph_from(nx.complete_graph(5)), 10, draws(), bound=None) == []
    assert sdrf.rounds(Graph.of(4, []), 10, draws()) == []
    thinned = sdrf.rounds(graph_from(nx.complete_graph(4)), 100, draws(), bound=0.5)
    assert len(thinned) > 1


def test_baselines_on_cora(real_data):
    graph = cora(real_data)
    for log in (
        random_edges.guarded_deletions(graph, 2000, draws()),
        random_edges.additions(graph, 2000, draws()),
        fosr.additions(graph, 20, draws()),
        sdrf.rounds(graph, 3, draws()),
    ):
        assert graph.edited(log).components[0] == 1
        assert graph.edited(log).size == graph.size + sum(sign for *_, sign in log)
