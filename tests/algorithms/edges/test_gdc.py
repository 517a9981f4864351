"""GDC: diffusion against dense inverses and exponentials, and the pairs it leaves against a full sort."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from benchmark.algorithms.edges import _diffusion, gdc
from benchmark.algorithms.edges._diffusion import diffusion, strongest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from benchmark.graphs.edges import Graph
from tests.support.graphs import connected, cora, pairs_of, ring

KERNELS = pytest.mark.parametrize("kernel", ["ppr", "heat"])
PIECES = Graph.of(9, [(0, 1), (0, 2), (1, 2), (3, 4), (4, 5), (5, 6), (6, 3)])
"""A triangle, a square and two nodes of their own."""


def dense(graph: Graph, kernel: str, alpha: float, time: float) -> np.ndarray:
    looped = graph.adjacency.toarray() + np.eye(graph.nodes)
    degrees = looped.sum(axis=1)
    transition = looped / np.sqrt(np.outer(degrees, degrees))
    if kernel == "heat":
        return expm(-time * (np.eye(graph.nodes) - transition))
    return alpha * np.linalg.inv(np.eye(graph.nodes) - (1 - alpha) * transition)


def test_diffusion_along_an_edge_on_paper():
    """(1 - alpha) / 2 crosses it under PageRank, (1 - e^-t) / 2 of the heat: four numbers each."""
    edge, both = Graph.of(2, [(0, 1)]), np.eye(2)
    assert diffusion(edge, "ppr", 0.2, 1.0)(both) == pytest.approx(np.array([[0.6, 0.4], [0.4, 0.6]]))
    cold = np.exp(-3)
    expected = np.array([[1 + cold, 1 - cold], [1 - cold, 1 + cold]]) / 2
    assert diffusion(edge, "heat", 0.2, 3.0)(both) == pytest.approx(expected)


@KERNELS
@settings(max_examples=25)
@given(graph=connected() | st.just(PIECES), alpha=st.floats(0.02, 0.9), time=st.floats(0.1, 8))
def test_diffusion_is_that_of_dense_matrices_and_leaves_the_steady_state(kernel, graph, alpha, time):
    spread, steady = diffusion(graph, kernel, alpha, time), np.sqrt(graph.degrees + 1.0)[:, None]
    assert spread(np.eye(graph.nodes)) == pytest.approx(dense(graph, kernel, alpha, time), abs=1e-9)
    assert spread(steady) == pytest.approx(steady)


@KERNELS
@pytest.mark.parametrize("at_once", [5, 256])
@settings(max_examples=12)
@given(graph=connected() | st.just(PIECES), count=st.integers(0, 40))
def test_the_strongest_pairs_are_those_of_a_full_sort(kernel, at_once, graph, count):
    values, labels = np.round(dense(graph, kernel, 0.15, 2.0), 10), graph.components[1]
    pairs = [(i, j) for i, j in combinations(range(graph.nodes), 2) if labels[i] == labels[j]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_diffusion, "AT_ONCE", at_once)
        found = [(i, j) for i, j in strongest(graph, count, kernel, 0.15, 2.0).tolist()]
    assert len(set(found)) == len(found) == min(count, len(pairs))
    kept = [values[pair] for pair in found]
    assert kept == pytest.approx(sorted((values[pair] for pair in pairs), reverse=True)[:count], abs=2e-10)


@KERNELS
@settings(max_examples=15)
@given(graph=connected() | st.just(PIECES), size=st.integers(-2, 40))
def test_so_many_edges_are_left_whatever_is_edited(kernel, graph, size):
    log = gdc.replaced(graph, size, kernel)
    after = graph.edited(log)
    sizes = np.bincount(graph.components[1])
    assert after.size == min(max(size, 0), int((sizes * (sizes - 1) // 2).sum()))
    assert pairs_of(after) == {(i, j) for i, j in strongest(graph, max(size, 0), kernel, 0.1, 5.0).tolist()}
    assert len({edit[:2] for edit in log}) == len(log)
    assert log == gdc.replaced(graph, size, kernel)


def test_a_pair_without_an_edge_may_take_the_place_of_one_with():
    """Two hubs with the same ten neighbours."""
    hubs = Graph.of(12, [(hub, leaf) for hub in (0, 1) for leaf in range(2, 12)])
    values = dense(hubs, "heat", 0.1, 5.0)
    assert values[0, 1] > values[0, 2]
    assert gdc.replaced(hubs, hubs.size, "heat") == [(1, 11, -1), (0, 1, 1)]


def test_of_tied_pairs_the_first_are_kept():
    assert gdc.replaced(ring(6), 4) == [(3, 4, -1), (4, 5, -1)]
    assert gdc.replaced(Graph.of(3, []), 2) == []


def test_on_cora(real_data):
    graph = cora(real_data)
    log = gdc.replaced(graph, graph.size - 500)
    assert graph.edited(log).size == graph.size - 500
    assert len(log) > 500


def the_authors(graph: Graph, kernel: str, least: float) -> np.ndarray:
    """The weights of torch-geometric's transform, [n, n]: all entries of S from `least` on, normalised."""
    from torch_geometric.data import Data
    from torch_geometric.transforms import GDC

    settings = {"ppr": {"method": "ppr", "alpha": 0.15}, "heat": {"method": "heat", "t": 2.0}}[kernel]
    ends = torch.from_numpy(np.concatenate([graph.ends, graph.ends[:, ::-1]]).T.copy())
    transform = GDC(
        self_loop_weight=1,
        normalization_in="sym",
        normalization_out="sym",
        diffusion_kwargs=settings,
        sparsification_kwargs={"method": "threshold", "eps": least},
        exact=True,
    )
    after = transform(Data(edge_index=ends, edge_attr=torch.ones(2 * graph.size).double(), num_nodes=graph.nodes))
    weights = torch.zeros(graph.nodes, graph.nodes, dtype=torch.float64)
    weights[tuple(after.edge_index)] = after.edge_attr.double()
    return weights.numpy()


@KERNELS
@settings(max_examples=20)
@given(graph=connected(), size=st.integers(1, 20))
def test_weights_are_those_of_torch_geometric(kernel, graph, size):
    values = dense(graph, kernel, 0.15, 2.0)
    above = np.sort(np.unique(np.round(values[np.triu_indices(graph.nodes, 1)], 8)))[::-1]
    assume(len(above) > size)
    least = (above[size - 1] + above[size]) / 2
    assume(np.diag(values).min() > least)
    count = int((np.triu(values, 1) > least).sum())
    plan = gdc.weighted(graph, count, kernel, 0.15, 2.0)
    theirs, after = the_authors(graph, kernel, least), graph.edited(plan.edits)
    assert len(plan.weights) == count == int((np.triu(theirs, 1) > 0).sum())
    assert plan.weights == pytest.approx(theirs[tuple(after.ends.T)], rel=1e-5)


def test_weights_of_an_edge_on_paper():
    """S = [[0.6, 0.4], [0.4, 0.6]]: rows sum to 1, so that the edge weighs 0.4."""
    plan = gdc.weighted(Graph.of(2, [(0, 1)]), 1, "ppr", 0.2)
    assert (plan.edits, plan.weights) == ([], pytest.approx([0.4]))
    assert gdc.weighted(Graph.of(3, [(0, 1)]), 0).weights.tolist() == []
