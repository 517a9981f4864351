"""Reports how a method edited the training graphs, by comparing the graphs before and after the run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.data.splits import Data, Splits
from benchmark.graphs.comparison import Pairs, bridges, changed_edges, gap
from benchmark.graphs.edge_weights import edge_weights
from benchmark.graphs.edges import graph_of, net
from benchmark.graphs.edit_log import Rewiring
from benchmark.results.record import EdgeWeights, Edits

GRAPHS_LOOKED_AT = 20
"""The number of graphs whose spectrum is computed: the first ones of a data set."""

LOG = 10_000
"""The number of edits that a record lists, for a data set of a single graph."""


def report(splits: Splits, after: Data, pairs: Sequence[Pairs], rewiring: Rewiring) -> Edits:
    """Describe, for the record, how the training graphs were edited.

    Args:
        after: the training data after the run.
        pairs: every training graph before and after the run (`compared`).
        rewiring: what the edits reported about themselves.
    """
    changes = [changed_edges(*pair) for pair in pairs]
    deleted, added = (sum(len(change[side]) for change in changes) for side in (0, 1))
    looked = pairs[:GRAPHS_LOOKED_AT]
    return Edits(
        graphs=len(pairs),
        before=sum(graph.size for graph, _ in pairs),
        asked=rewiring.asked,
        deleted=deleted,
        added=added,
        looked_at=len(looked),
        gap={f"loops {loops}": _means(looked, lambda graph, loops=loops: gap(graph, loops)) for loops in (0, 1)},
        components=_sums(looked, lambda graph: graph.components[0]),
        bridges=_sums(looked, bridges),
        inter_class=_inter_class(changes[0], _labels(splits)) if len(pairs) == 1 else None,
        seconds=rewiring.seconds,
        log=rewiring.logs.get(0, [])[:LOG] if len(pairs) == 1 else [],
        weights=_weights(after),
    )


def undeclared_edits(pairs: Sequence[Pairs], rewiring: Rewiring) -> list[str]:
    """Return the breaches of graphs whose log of edits, if there is one, does not lead from before to after."""
    breaches = []
    for number, (old, new) in enumerate(pairs):
        change = changed_edges(old, new)
        deleted, added = net(rewiring.logs.get(number, []))
        if number in rewiring.logs and (set(deleted), set(added)) != change:
            breaches.append(
                f"graph {number} lost {len(change[0])} edges and got {len(change[1])}; "
                f"the log of its edits tells of {len(deleted)} and {len(added)}, or of others"
            )
    return breaches


def compared(splits: Splits, after: Data) -> list[Pairs]:
    """Every training graph before and after the run."""
    return [(graph_of(splits.train.graph(n)), graph_of(after.graph(n))) for n in range(len(after))]


def _weights(data: Data) -> EdgeWeights | None:
    """What the record says of the weights of edges; None if the data have none, or no edge."""
    given = [weights for n in range(len(data)) if (weights := edge_weights(data.graph(n), directed=True)) is not None]
    weights = torch.cat(given) if given else torch.empty(0)
    if not len(weights):
        return None
    digest = hashlib.sha256(weights.numpy().tobytes()).hexdigest()
    least, mean, greatest = (float(value) for value in (weights.min(), weights.double().mean(), weights.max()))
    return EdgeWeights(least=least, mean=mean, greatest=greatest, digest=digest)


def _means(pairs: Sequence[Pairs], of: Any) -> tuple[float, float]:
    return tuple(float(np.mean([of(pair[side]) for pair in pairs])) for side in (0, 1))  # type: ignore[return-value]


def _sums(pairs: Sequence[Pairs], of: Any) -> tuple[int, int]:
    return tuple(sum(of(pair[side]) for pair in pairs) for side in (0, 1))


def _labels(splits: Splits) -> Tensor | None:
    """The class of every node of a single graph, -1 for nodes without a label in any split."""
    labels = [
        classes
        for split in (splits.train, splits.validation, splits.test)
        if (classes := split.node_classes) is not None
    ]
    return torch.stack(labels).amax(dim=0).cpu() if labels else None


def _inter_class(change: tuple[set[tuple[int, int]], set[tuple[int, int]]], labels: Tensor | None) -> float | None:
    """The share of edits between nodes of different classes, among the edits between nodes of known class."""
    ends = torch.tensor(sorted(change[0] | change[1]), dtype=torch.int64).reshape(-1, 2)
    if labels is None:
        return None
    classes = labels[ends]
    known = classes[(classes >= 0).all(dim=1)]
    return float((known[:, 0] != known[:, 1]).double().mean()) if len(known) else None
