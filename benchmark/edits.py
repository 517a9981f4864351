"""What became of the graphs: found by comparing those that were handed over with those that were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse.csgraph import breadth_first_order
from torch import Tensor

from benchmark.data import Data, Splits
from benchmark.graphs.edges import Graph, graph_of, net
from benchmark.graphs.spectrum import spectrum_of
from benchmark.graphs.wiring import Wiring
from benchmark.record import Edits
from benchmark.rewiring import Rewiring

LOOK = 20
"""Graphs of a data set whose spectrum is looked at: the first ones."""

LOG = 10_000
"""Edits that a record lists, of a data set of one graph."""

Pairs = tuple[Graph, Graph]


def report(splits: Splits, pairs: Sequence[Pairs], told: Rewiring) -> Edits:
    """How the training graphs were edited.

    Args:
        pairs: every training graph as it was and as it is in the end (`compared`).
        told: what the edits told of themselves.
    """
    changes = [_change(*pair) for pair in pairs]
    deleted, added = (sum(len(change[side]) for change in changes) for side in (0, 1))
    looked = pairs[:LOOK]
    return Edits(
        graphs=len(pairs),
        before=sum(graph.size for graph, _ in pairs),
        asked=told.asked,
        deleted=deleted,
        added=added,
        looked_at=len(looked),
        gap={f"loops {loops}": _means(looked, lambda graph, loops=loops: gap(graph, loops)) for loops in (0, 1)},
        components=_sums(looked, lambda graph: graph.components[0]),
        bridges=_sums(looked, bridges),
        inter_class=_inter_class(changes[0], _labels(splits)) if len(pairs) == 1 else None,
        seconds=told.seconds,
        log=told.logs.get(0, [])[:LOG] if len(pairs) == 1 else [],
    )


def untold(pairs: Sequence[Pairs], told: Rewiring) -> list[str]:
    """Breaches: edits whose log, where they keep one, is not what became of the graph."""
    found = []
    for number, (old, new) in enumerate(pairs):
        change = _change(old, new)
        gone, come = net(told.logs.get(number, []))
        if number in told.logs and (set(gone), set(come)) != change:
            found.append(
                f"graph {number} lost {len(change[0])} edges and got {len(change[1])}; "
                f"the log of its edits tells of {len(gone)} and {len(come)}, or of others"
            )
    return found


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


def compared(splits: Splits, after: Data) -> list[Pairs]:
    """Every training graph before and after."""
    return [(graph_of(splits.train.graph(n)), graph_of(after.graph(n))) for n in range(len(after))]


def _change(before: Graph, after: Graph) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Edges that are gone, and that have come."""
    old, new = ({(int(i), int(j)) for i, j in graph.ends} for graph in (before, after))
    return old - new, new - old


def _means(pairs: Sequence[Pairs], of: Any) -> tuple[float, float]:
    return tuple(float(np.mean([of(pair[side]) for pair in pairs])) for side in (0, 1))  # type: ignore[return-value]


def _sums(pairs: Sequence[Pairs], of: Any) -> tuple[int, int]:
    return tuple(sum(of(pair[side]) for pair in pairs) for side in (0, 1))


def _labels(splits: Splits) -> Tensor | None:
    """The class of every node of the one graph, -1 where no split knows it."""
    known = [
        labels for split in (splits.train, splits.validation, splits.test) if (labels := split.node_classes) is not None
    ]
    return torch.stack(known).amax(dim=0).cpu() if known else None


def _inter_class(change: tuple[set[tuple[int, int]], set[tuple[int, int]]], labels: Tensor | None) -> float | None:
    """The share of edits between nodes of different classes, among those whose classes are known."""
    ends = torch.tensor(sorted(change[0] | change[1]), dtype=torch.int64).reshape(-1, 2)
    if labels is None:
        return None
    classes = labels[ends]
    known = classes[(classes >= 0).all(dim=1)]
    return float((known[:, 0] != known[:, 1]).double().mean()) if len(known) else None
