from typing import Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from benchmark import Run, algorithm
from benchmark.graphs.edges import Edit, Graph

from ._rewriting import Edges, guarded, rewrite


@algorithm(prunes="edges", edits_only=True, family="data edits", edges="edges", edit_limit=guarded)
def random_edges(
    run: Run,
    *,
    edges: Edges = None,
    mode: Literal["delete", "add"] = "delete",
    connectivity: Literal["keep", "free"] = "keep",
) -> None:
    """Random edges: delete or add edges drawn at random (the null of every claim about edges).

    Options:
        edges: edits per graph: a share of its undirected edges, or a number; none: as the target asks
        mode: delete edges, or add some between nodes that have none
        connectivity: pass over edges whose deletion breaks a component apart, or take edges as they are drawn
    """
    plan = additions if mode == "add" else deletions if connectivity == "free" else guarded_deletions
    rewrite(run, edges, plan, random=True)


def deletions(graph: Graph, count: int, draws: np.random.Generator) -> list[Edit]:
    """Edges drawn uniformly without replacement."""
    return [(int(i), int(j), -1) for i, j in graph.ends[draws.permutation(graph.size)[:count]]]


def guarded_deletions(graph: Graph, count: int, draws: np.random.Generator) -> list[Edit]:
    """The same, passing over every edge that is a bridge when its turn comes.

    Those are the edges of the spanning forest whose edges come as late as can be (Kruskal's reverse-delete).
    """
    order = draws.permutation(graph.size)
    turn = np.empty(graph.size, np.int64)
    turn[order] = np.arange(graph.size)
    i, j = graph.ends.T.astype(np.int32)  # older versions of scipy take no other for a spanning tree
    forest = minimum_spanning_tree(coo_array((graph.size - turn, (i, j)), (graph.nodes, graph.nodes)).tocsr())
    bridge = np.isin(turn, graph.size - forest.data)
    return [(int(i), int(j), -1) for i, j in graph.ends[order[~bridge[order]][:count]]]


def additions(graph: Graph, count: int, draws: np.random.Generator) -> list[Edit]:
    """Pairs without an edge, drawn uniformly without replacement."""
    before = np.arange(graph.nodes) * (2 * graph.nodes - np.arange(graph.nodes) - 1) // 2  # pairs of smaller nodes
    i, j = graph.ends.T
    taken = before[i] + j - i - 1
    free = graph.nodes * (graph.nodes - 1) // 2 - graph.size
    ranks = draws.choice(free, min(count, free), replace=False) if free else np.empty(0, np.int64)
    pairs = ranks + np.searchsorted(taken - np.arange(graph.size), ranks, side="right")
    first = np.searchsorted(before, pairs, side="right") - 1
    first = np.minimum(first, graph.nodes - 2)  # the last node has no pairs of its own
    return [(int(i), int(p - before[i] + i + 1), 1) for i, p in zip(first, pairs, strict=True)]
