"""Properties in which a graph is compared before and after its edits: spectral gap, bridges, changed edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmark.graphs.edges import Graph
from benchmark.graphs.spectrum import spectrum_of
from benchmark.graphs.wiring import Wiring

Pairs = tuple[Graph, Graph]
"""A graph before and after its edits."""


def gap(graph: Graph, loops: int) -> float:
    """The exact spectral gap: the smallest gap of any component; 0 for a graph without edges.

    Components are taken one by one, because the second smallest eigenvalue of a disconnected graph is always 0.
    """
    count, labels = graph.components
    parts = (np.flatnonzero(labels == part) for part in range(count))
    gaps = [spectrum_of(Wiring(graph.induced(nodes), loops)).modes().gap for nodes in parts if len(nodes) > 1]
    return min(gaps, default=0.0)


def bridges(graph: Graph) -> int:
    """The number of bridges: edges whose deletion splits a component.

    Every edge outside a spanning forest gets a random number. An edge of the forest gets the XOR of the numbers of all
    edges that close a cycle through it. If that is 0, there are none, and it is a bridge (wrong once in about 2^63).
    """
    numbers = np.zeros(graph.nodes, np.uint64)
    parent, order = _forest(graph)
    child = np.where(parent[graph.ends[:, 0]] == graph.ends[:, 1], graph.ends[:, 0], graph.ends[:, 1])
    in_forest = parent[child] == graph.ends.sum(axis=1) - child
    outside = graph.ends[~in_forest]
    drawn = np.random.default_rng(0).integers(1, 2**63, len(outside), np.uint64)
    for end in outside.T:
        np.bitwise_xor.at(numbers, end, drawn)
    for node in order[::-1]:
        if parent[node] >= 0:
            numbers[parent[node]] ^= numbers[node]
    return int((numbers[parent >= 0] == 0).sum())


def _forest(graph: Graph) -> tuple[np.ndarray[Any, Any], list[int]]:
    """Parents in a spanning forest, -1 for roots, and the nodes in an order in which parents come first."""
    from scipy.sparse.csgraph import breadth_first_order

    parent, order = np.full(graph.nodes, -1), list[int]()
    roots = np.unique(graph.components[1], return_index=True)[1]
    for root in roots:
        reached, predecessors = breadth_first_order(graph.adjacency, root, directed=False)
        parent[reached] = np.maximum(predecessors[reached], -1)
        order += reached.tolist()
    return parent, order


def changed_edges(before: Graph, after: Graph) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """The edges that were deleted, and those that were added."""
    old, new = ({(int(i), int(j)) for i, j in graph.ends} for graph in (before, after))
    return old - new, new - old
