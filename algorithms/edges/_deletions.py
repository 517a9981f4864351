"""Deletes edges in a given order, with and without a guard of connectivity; draws orders by weights."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from benchmark.graphs.edges import Edit, Floats, Graph, Ints
from benchmark.graphs.wiring import Flags

Connectivity = Literal["keep", "free"]


def deleted(graph: Graph, order: Ints, count: int, connectivity: Connectivity) -> list[Edit]:
    """Return deletions of the first `count` edges in `order`, a permutation of the edges.

    With connectivity kept, every edge is skipped that is a bridge when its turn comes. These are the edges of the
    spanning forest that is last in the order (Kruskal's reverse-delete).
    """
    if connectivity == "keep":
        order = order[~bridges_at_turn(graph, order)[order]]
    return [(int(i), int(j), -1) for i, j in graph.ends[order[:count]]]


def drawn(weights: Floats, draws: np.random.Generator) -> Ints:
    """Return the edges in an order of deletion, [m]: those that are left at any time are drawn by their weights.

    They are drawn one by one, without replacement, with probabilities in proportion to the weights, which must be
    positive: the largest of ln w + Gumbel noise (Vieira, 2014; Kool, van Hoof & Welling, 2019).
    """
    return np.argsort(np.log(weights) + draws.gumbel(size=len(weights)), kind="stable")


def bridges_at_turn(graph: Graph, order: Ints) -> Flags:
    """Return for every edge whether it is a bridge once those before it that are not are deleted."""
    turn = np.empty(graph.size, np.int64)
    turn[order] = np.arange(graph.size)
    i, j = graph.ends.T.astype(np.int32)  # older versions of SciPy need int32 for a spanning tree
    forest = minimum_spanning_tree(coo_array((graph.size - turn, (i, j)), (graph.nodes, graph.nodes)).tocsr())
    return np.isin(turn, graph.size - forest.data)
