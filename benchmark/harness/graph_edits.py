"""What became of the graphs: found by comparing those that were handed over with those that were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.data.splits import Data, Splits
from benchmark.graphs.comparison import Pairs, _change, bridges, gap
from benchmark.graphs.edges import graph_of, net
from benchmark.graphs.edit_log import Rewiring
from benchmark.records.record import Edits

GRAPHS_LOOKED_AT = 20
"""Graphs of a data set whose spectrum is looked at: the first ones."""


LOG = 10_000
"""Edits that a record lists, of a data set of one graph."""


def report(splits: Splits, pairs: Sequence[Pairs], told: Rewiring) -> Edits:
    """How the training graphs were edited.

    Args:
        pairs: every training graph as it was and as it is in the end (`compared`).
        told: what the edits told of themselves.
    """
    changes = [_change(*pair) for pair in pairs]
    deleted, added = (sum(len(change[side]) for change in changes) for side in (0, 1))
    looked = pairs[:GRAPHS_LOOKED_AT]
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


def undeclared_edits(pairs: Sequence[Pairs], told: Rewiring) -> list[str]:
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


def compared(splits: Splits, after: Data) -> list[Pairs]:
    """Every training graph before and after."""
    return [(graph_of(splits.train.graph(n)), graph_of(after.graph(n))) for n in range(len(after))]


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
