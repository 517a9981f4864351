"""Sparsifiers: as many edges as asked, weights that are 1 in expectation, and the law of drawing one by one."""

from __future__ import annotations

import numpy as np
import pytest
from benchmark.algorithms.edges import dspar
from benchmark.algorithms.edges._resistance import resistances
from benchmark.algorithms.edges._sampling import multiplicities, sampled
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.contract import trial
from benchmark.graphs.edges import Floats, Graph
from tests.support.graphs import connected, laplacians, pairs_of

SCORES = np.array([1.0, 2.0, 3.0, 6.0])
DIAMOND = Graph.of(5, [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4)])
"""Two triangles that share an edge, and a bridge."""


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def one_by_one(scores: Floats, count: int, draws: np.random.Generator) -> Floats:
    """Draw edges with replacement until one too many is drawn: the definition."""
    times, p = np.zeros(len(scores)), scores / scores.sum()
    while True:
        edge = draws.choice(len(p), p=p)
        if not times[edge] and (times > 0).sum() == count:
            return times / (times.sum() * p)
        times[edge] += 1


def close(means: Floats, deviations: Floats, n: int, expected: Floats) -> bool:
    return bool((np.abs(means - expected) < 5 * deviations / np.sqrt(n) + 1e-12).all())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_weights_are_1_in_expectation_and_have_the_law_of_drawing_one_by_one(count):
    n = 3000
    fast = np.stack([multiplicities(SCORES, count, draws(seed)) for seed in range(n)])
    slow = np.stack([one_by_one(SCORES, count, draws(seed)) for seed in range(n)])
    for found in (fast, slow):
        assert close(found.mean(axis=0), found.std(axis=0), n, np.ones(4))
    kept = (fast > 0).mean(axis=0), (slow > 0).mean(axis=0)
    assert close(kept[0] - kept[1], np.full(4, 0.7), n, np.zeros(4))
    squares = np.minimum(fast, 10) ** 2, np.minimum(slow, 10) ** 2
    spread = np.hypot(squares[0].std(axis=0), squares[1].std(axis=0))
    assert close(squares[0].mean(axis=0) - squares[1].mean(axis=0), spread, n, np.zeros(4))


def test_one_of_two_edges_that_is_kept_weighs_what_its_chance_is_short_of_1():
    """All q draws are of one edge: its weight is 1 / p."""
    for seed in range(20):
        weights = multiplicities(np.array([1.0, 3.0]), 1, draws(seed))
        assert sorted(weights.tolist()) in ([0, pytest.approx(4)], [0, pytest.approx(4 / 3)])


def test_all_edges_weigh_1_and_none_weighs_nothing():
    assert multiplicities(SCORES, 4, draws()).tolist() == [1, 1, 1, 1]
    assert multiplicities(SCORES, 0, draws()).tolist() == [0, 0, 0, 0]
    assert multiplicities(np.empty(0), 0, draws()).tolist() == []


@pytest.mark.parametrize(("connectivity", "count"), [("keep", 1), ("free", 3)])
@pytest.mark.parametrize("method", ["resistance", "dspar"])
def test_the_laplacian_is_that_of_the_graph_in_expectation(connectivity, count, method):
    scores = dspar.scores(DIAMOND) if method == "dspar" else resistances(DIAMOND, 100, 0.5, draws())
    n, found = 3000, []
    for seed in range(n):
        plan = sampled(DIAMOND, scores, count, connectivity, draws(seed))
        after = DIAMOND.edited(plan.edits)
        adjacency = np.zeros((5, 5))
        adjacency[tuple(after.ends.T)] = plan.weights
        adjacency += adjacency.T
        found.append(np.diag(adjacency.sum(axis=1)) - adjacency)
    laplacian = np.stack(found)
    assert close(laplacian.mean(axis=0), laplacian.std(axis=0), n, laplacians(DIAMOND)[0])


@settings(max_examples=40)
@given(graph=connected(), count=st.integers(0, 30), seed=st.integers(0, 99))
@pytest.mark.parametrize("connectivity", ["keep", "free"])
def test_exactly_so_many_edges_go_and_the_others_have_sound_weights(connectivity, graph, count, seed):
    plan = sampled(graph, dspar.scores(graph), count, connectivity, draws(seed))
    most = graph.removable if connectivity == "keep" else graph.size
    assert len(plan.edits) == min(count, most)
    assert {edit[:2] for edit in plan.edits} <= pairs_of(graph)
    assert len(plan.weights) == graph.size - len(plan.edits)
    assert np.isfinite(plan.weights).all()
    assert (plan.weights > 0).all()
    after = graph.edited(plan.edits)
    assert connectivity == "free" or after.components[0] == graph.components[0]
    if not plan.edits:
        assert plan.weights.tolist() == [1] * graph.size


@pytest.mark.runs
@pytest.mark.parametrize("name", ["effective-resistance", "dspar", "gdc"])
def test_the_record_says_that_edges_are_weighted(name):
    plain = trial.record(name, sparsity=0.2)
    weighted = trial.record(name, sparsity=0.2, reweight=True)
    assert (plain.status, weighted.status) == ("ok", "ok"), weighted.error
    assert plain.edits.weights is None
    assert b'"weights":{"least"' not in plain.to_bytes()
    weights = weighted.edits.weights
    assert 0 < weights.least < weights.mean < weights.greatest
    assert b'"weights":{"least"' in weighted.to_bytes()
    assert weighted.edits.deleted - weighted.edits.added == plain.edits.deleted - plain.edits.added
    assert plain.network_digest != weighted.network_digest
    assert weighted.cost.training_flops > 0
