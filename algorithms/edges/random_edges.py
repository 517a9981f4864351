from typing import Literal

import numpy as np

from benchmark import Run, algorithm
from benchmark.graphs.edges import Edit, Graph

from ._deletions import Connectivity, deleted
from ._rewriting import Edges, guarded, rewrite


@algorithm(prunes="edges", edits_only=True, family="data edits", edges="edges", edit_limit=guarded)
def random_edges(
    run: Run,
    *,
    edges: Edges = None,
    mode: Literal["delete", "add"] = "delete",
    connectivity: Connectivity = "keep",
) -> None:
    """Random edges: delete or add edges drawn at random (the null of every claim about edges).

    Options:
        edges: edits per graph, as a share of its undirected edges or a number; none: set by the target sparsity
        mode: delete edges, or add edges between nodes without one
        connectivity: skip edges whose deletion would disconnect a component, or delete any edge
    """
    plan = additions if mode == "add" else deletions if connectivity == "free" else guarded_deletions
    rewrite(run, edges, plan, random=True)


def deletions(graph: Graph, count: int, draws: np.random.Generator) -> list[Edit]:
    """Return deletions of edges drawn uniformly without replacement."""
    return deleted(graph, draws.permutation(graph.size), count, "free")


def guarded_deletions(graph: Graph, count: int, draws: np.random.Generator) -> list[Edit]:
    """Return deletions as `deletions` does, skipping every edge that is a bridge when its turn comes."""
    return deleted(graph, draws.permutation(graph.size), count, "keep")


def additions(graph: Graph, count: int, draws: np.random.Generator) -> list[Edit]:
    """Return additions of pairs without an edge, drawn uniformly without replacement."""
    before = np.arange(graph.nodes) * (2 * graph.nodes - np.arange(graph.nodes) - 1) // 2  # pairs of smaller nodes
    i, j = graph.ends.T
    taken = before[i] + j - i - 1
    free = graph.nodes * (graph.nodes - 1) // 2 - graph.size
    ranks = draws.choice(free, min(count, free), replace=False) if free else np.empty(0, np.int64)
    pairs = ranks + np.searchsorted(taken - np.arange(graph.size), ranks, side="right")
    first = np.searchsorted(before, pairs, side="right") - 1
    first = np.minimum(first, graph.nodes - 2)  # the last node has no pairs of its own
    return [(int(i), int(p - before[i] + i + 1), 1) for i, p in zip(first, pairs, strict=True)]
