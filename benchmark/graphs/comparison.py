"""What became of the graphs: found by comparing those that were handed over with those that were trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.csgraph import breadth_first_order

from benchmark.graphs.edges import Graph
from benchmark.graphs.spectrum import spectrum_of
from benchmark.graphs.wiring import Wiring

Pairs = tuple[Graph, Graph]


def gap(graph: Graph, loops: int) -> float:
    """The spectral gap, exact: the smallest over the components, each a graph of its own; 0 where no edge is left.

    The second smallest eigenvalue of the whole graph would be 0 as soon as it fell apart.
    """
    count, labels = graph.components
    parts = (np.flatnonzero(labels == part) for part in range(count))
    gaps = [spectrum_of(Wiring(graph.induced(nodes), loops)).modes().gap for nodes in parts if len(nodes) > 1]
    return min(gaps, default=0.0)


def bridges(graph: Graph) -> int:
    """Edges without which more would fall apart.

    Every edge outside a spanning forest gets a random number, and an edge of the forest those of all ways around it,
    added bit by bit; where that is 0, there is no way around (wrong once in 2^64).
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
    parent, order = np.full(graph.nodes, -1), list[int]()
    roots = np.unique(graph.components[1], return_index=True)[1]
    for root in roots:
        found, before = breadth_first_order(graph.adjacency, root, directed=False)
        parent[found] = np.maximum(before[found], -1)
        order += found.tolist()
    return parent, order


def changed_edges(before: Graph, after: Graph) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Edges that are gone, and that have come."""
    old, new = ({(int(i), int(j)) for i, j in graph.ends} for graph in (before, after))
    return old - new, new - old
