"""Gaps, bridges and single edits, by each of the three routines, against closed forms and dense eigenvalues."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.graphs.dense import Dense
from benchmark.graphs.edges import Graph
from benchmark.graphs.krylov import largest
from benchmark.graphs.modes import Spectrum
from benchmark.graphs.sparse import Factored, Iterated
from benchmark.graphs.spectrum import spectrum_of
from benchmark.graphs.wiring import Wiring
from tests.support.graphs import (
    RING,
    TOY,
    bridges,
    connected,
    cora,
    dense_random,
    eigenvalues,
    gap,
    graph_from,
    heterophilous,
    non_edges,
    pairs_of,
    ring,
)

Routine = Callable[[Wiring], Spectrum]
ROUTINES: list[Routine] = [Dense, Factored, Iterated]
EVERY_ROUTINE = pytest.mark.parametrize("routine", ROUTINES, ids=["dense", "factored", "iterated"])

CLOSED = {
    "ring 12": (ring(12), 1 - np.cos(2 * np.pi / 12), 2),
    "ring 50": (ring(50), 1 - np.cos(2 * np.pi / 50), 2),
    "path 8": (graph_from(nx.path_graph(8)), 1 - np.cos(np.pi / 7), 1),
    "path 60": (graph_from(nx.path_graph(60)), 1 - np.cos(np.pi / 59), 1),
    "petersen": (graph_from(nx.petersen_graph()), 2 / 3, 5),
    "complete 12": (graph_from(nx.complete_graph(12)), 12 / 11, 11),
    "star 12": (graph_from(nx.star_graph(11)), 1.0, 10),
    "barbell 2 x K4": (graph_from(nx.barbell_graph(4, 0)), 0.113382, 1),
    "barbell 2 x K5": (graph_from(nx.barbell_graph(5, 0)), 0.072601, 1),
    "barbell 2 x K5 and a path": (graph_from(nx.barbell_graph(5, 2)), 0.028619, 1),
    "ladder 2 x 5": (graph_from(nx.ladder_graph(5)), 0.166667, 1),
    "grid 3 x 4": (graph_from(nx.grid_2d_graph(3, 4)), 0.233524, 1),
}


@pytest.mark.parametrize(("graph", "expected", "multiplicity"), CLOSED.values(), ids=CLOSED)
def test_the_gap_of_a_known_graph_and_its_multiplicity(graph, expected, multiplicity):
    modes = Dense(Wiring(graph)).modes()
    assert modes.gap == pytest.approx(expected, abs=5e-7)
    assert modes.multiplicity == multiplicity


@EVERY_ROUTINE
@pytest.mark.parametrize("loops", [0, 1])
@pytest.mark.parametrize("name", ["ring 50", "path 60", "barbell 2 x K5 and a path", "grid 3 x 4"])
def test_every_routine_finds_the_gap_to_the_last_digits(routine, loops, name):
    graph = CLOSED[name][0]
    assert routine(Wiring(graph, loops)).modes().gap == pytest.approx(gap(graph, loops), rel=1e-10)


@pytest.mark.parametrize(
    ("edits", "without_loops", "with_loops"),
    [
        ([], 0.292893, 0.195262),
        ([(0, 3, 1)], 0.282871, 0.190705),
        ([(0, 3, 1), (0, 5, 1)], 0.354503, 0.241474),
        ([(0, 3, 1), (4, 7, 1)], 0.271286, 0.185667),
    ],
    ids=["ring", "G", "G with 0-5", "G with 4-7"],
)
def test_the_toy_graph_of_the_paper(edits, without_loops, with_loops):
    """Figure 1: a chord lowers the gap of the ring, and its deletion raises it, as in Braess' paradox."""
    for loops, expected in ((0, without_loops), (1, with_loops)):
        assert Dense(Wiring(RING.edited(edits), loops)).modes().gap == pytest.approx(expected, abs=5e-7)


@EVERY_ROUTINE
@settings(max_examples=25)
@given(graph=connected(least=8), loops=st.sampled_from([0, 1]))
def test_modes_solve_the_generalised_problem(routine, graph, loops):
    wiring = Wiring(graph, loops)
    modes, degrees = routine(wiring).modes(), wiring.degrees
    y, laplacian = modes.vectors[:, 0], np.diag(degrees - loops) - wiring.adjacency().toarray()
    assert modes.gap == pytest.approx(gap(graph, loops), abs=1e-9)
    np.testing.assert_allclose(laplacian @ y, modes.gap * degrees * y, atol=1e-7)
    assert y @ (degrees * y) == pytest.approx(1, abs=1e-9)
    assert y @ degrees == pytest.approx(0, abs=1e-9)


@settings(max_examples=50)
@given(graph=connected())
def test_the_spectrum_lies_between_0_and_2_and_reaches_2_for_two_colours_alone(graph):
    modes = Dense(Wiring(graph)).modes()
    assert 0 < modes.gap <= graph.nodes / (graph.nodes - 1) + 1e-9
    assert modes.values[-1] < 2 + 1e-9
    assert (modes.values[-1] > 2 - 1e-9) == nx.is_bipartite(nx.Graph(list(pairs_of(graph))))


@EVERY_ROUTINE
@settings(max_examples=25)
@given(graph=connected(least=8))
def test_bridges_are_found_and_nothing_else(routine, graph):
    spectrum = routine(Wiring(graph))
    found = {pair for slot, pair in enumerate(map(tuple, graph.ends.tolist())) if spectrum.bridge(slot)}
    assert found == bridges(graph)


@EVERY_ROUTINE
@settings(max_examples=25)
@given(graph=connected(least=9), loops=st.sampled_from([0, 1]), data=st.data())
def test_after_any_edits_the_modes_are_those_of_the_edited_graph(routine, graph, loops, data):
    wiring = Wiring(graph, loops)
    spectrum, log = routine(wiring), []
    for sign in data.draw(st.lists(st.sampled_from([-1, 1]), max_size=8)):
        now = graph.edited(log)
        fresh = [pair for pair in non_edges(now) if (*pair, -1) not in log]
        whole = [pair for pair in pairs_of(graph) & pairs_of(now) if pair not in bridges(now)]
        options = sorted(fresh if sign > 0 else whole)
        if not options:
            continue
        i, j = data.draw(st.sampled_from(options))
        log.append((i, j, sign))
        if sign > 0:
            spectrum.add(i, j)
        else:
            spectrum.delete(int(np.flatnonzero((graph.ends == [i, j]).all(axis=1))[0]))
    edited = graph.edited(log)
    assert spectrum.modes().gap == pytest.approx(gap(edited, loops), rel=1e-8)
    there = {(int(u), int(v)) for u, v, is_there in zip(wiring.u, wiring.v, wiring.there, strict=True) if is_there}
    assert there == pairs_of(edited)
    for slot in np.flatnonzero(wiring.there):
        assert spectrum.bridge(int(slot)) == ((int(wiring.u[slot]), int(wiring.v[slot])) in bridges(edited))


@EVERY_ROUTINE
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_exact_gap_of_single_edits_is_that_of_the_edited_graph(routine, sign):
    graph = dense_random(30, 20, seed=1)
    pairs = sorted(pairs_of(graph)) if sign < 0 else non_edges(graph)[:40]
    spectrum = routine(Wiring(graph, 1))
    spectrum.modes()
    expected = [gap(graph.edited([(i, j, sign)]), 1) for i, j in pairs]
    np.testing.assert_allclose(spectrum.gaps(np.array(pairs), sign), expected, rtol=1e-6, atol=1e-10)


@EVERY_ROUTINE
def test_an_edit_that_cuts_the_graph_leaves_no_gap(routine):
    graph = graph_from(nx.barbell_graph(5, 0))
    spectrum = routine(Wiring(graph))
    spectrum.modes()
    assert spectrum.gaps(np.array([[4, 5]]), -1) == pytest.approx([0], abs=1e-12)


@EVERY_ROUTINE
def test_a_hundred_edits_and_two_new_factors_later_nothing_has_drifted(routine):
    graph = dense_random(120, 300, seed=0)
    wiring = Wiring(graph)
    spectrum, draws = routine(wiring), np.random.default_rng(0)
    for slot in draws.permutation(graph.size)[:100].tolist():
        if not spectrum.bridge(slot):
            spectrum.delete(slot)
    left = Graph.of(graph.nodes, np.stack([wiring.u, wiring.v], axis=1)[wiring.there])
    assert left.size < graph.size - 70
    modes = spectrum.modes()
    assert modes.gap == pytest.approx(gap(left), rel=1e-9)
    np.testing.assert_allclose(wiring.degrees, left.degrees)


def test_every_resistance_summed_is_the_nodes_less_the_components():
    """Foster's theorem."""
    graph = dense_random(40, 60, seed=3)
    spectrum = Factored(Wiring(graph))
    total = sum(spectrum._factor.resistance(i, j) for i, j in graph.ends.tolist())
    assert total == pytest.approx(graph.nodes - 1, rel=1e-10)


def test_block_lanczos_finds_a_degenerate_pair_and_stops_at_an_invariant_space():
    matrix = np.diag([5.0, 5.0, 3.0, 2.0, 1.0, 0.5, 0.25, 0.125, 0.1, 0.05, 0.02, 0.01])
    start = np.random.default_rng(0).standard_normal((12, 3))
    values, vectors = largest(lambda x: matrix @ x, start)
    np.testing.assert_allclose(values[:2], [5, 5], rtol=1e-12)
    np.testing.assert_allclose(np.abs(vectors[2:, :2]), 0, atol=1e-8)
    exact, _ = largest(lambda x: matrix @ x, np.eye(12)[:, :3])
    np.testing.assert_allclose(exact, [5, 5, 3], rtol=1e-12)


def test_the_routine_follows_size_and_density():
    assert isinstance(spectrum_of(Wiring(TOY)), Dense)
    assert isinstance(spectrum_of(Wiring(ring(300))), Factored)
    assert isinstance(spectrum_of(Wiring(graph_from(nx.complete_graph(201)))), Iterated)


@pytest.mark.parametrize(("loops", "expected"), [(0, 0.004784004810518), (1, 0.003620643748991)])
def test_the_gap_of_cora(real_data, loops, expected):
    graph = cora(real_data)
    assert (graph.nodes, graph.size) == (2485, 5069)
    assert spectrum_of(Wiring(graph, loops)).modes().gap == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("loops", "expected"), [(0, 0.00037601337862754), (1, 0.00033338960563406)])
def test_the_gap_of_minesweeper_is_double(real_data, loops, expected):
    graph = heterophilous(real_data, "minesweeper")
    assert (graph.nodes, graph.size) == (10000, 39402)
    modes = spectrum_of(Wiring(graph, loops)).modes()
    assert modes.gap == pytest.approx(expected, rel=1e-10)
    assert modes.multiplicity == 2


def test_the_gap_of_a_ring_too_large_for_dense_routines():
    modes = spectrum_of(Wiring(ring(2000))).modes()
    assert modes.gap == pytest.approx(1 - np.cos(2 * np.pi / 2000), rel=1e-8)
    assert modes.multiplicity == 2


def test_the_referee_knows_disconnected_graphs():
    two = Graph.of(7, [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)])
    assert eigenvalues(two)[:3] == pytest.approx([0, 0, 0], abs=1e-12)
