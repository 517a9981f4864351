"""Applies the edits of an edge method to all graphs of a run. Equal graphs get equal edits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from benchmark import Count, Inapplicable, Run, Share
from benchmark.graphs.edges import Edit, Floats, Graph, asked, graph_of, rebuilt

Edges = Annotated[Share | Count | None, Field(description="number in (0, 1) | whole number >= 1 | none")]
"""Type of the option `edges`: edits per graph, as a share of undirected edges or a number; none: set by the target."""


@dataclass(frozen=True)
class Weighted:
    """Edits of a graph in order, and the weights of the edges that they leave, [m], in the order of `Graph.ends`."""

    edits: Sequence[Edit]
    weights: Floats


Plan = Callable[[Graph, int, np.random.Generator], Sequence[Edit] | Weighted]
"""Returns the edits of a graph in order, given how many are asked and a random generator of the graph's own."""


def guarded(options: Mapping[str, Any], graph: Graph) -> int | None:
    """Return the largest number of edits if they are deletions that must keep components connected; otherwise None."""
    deletes = options.get("mode", "delete") == "delete"
    return graph.removable if deletes and options["connectivity"] == "keep" else None


def rewrite(run: Run, edges: Edges, plan: Plan, *, random: bool = False) -> None:
    """Edit every graph as `plan` says.

    Args:
        random: whether `plan` uses random numbers. One number is then drawn from `run.rng` as the seed of all graphs.
    """
    seed = int(torch.randint(2**62, (1,), generator=run.rng)) if random else 0
    run.rewrite(editor(plan, lambda size: asked(edges, 1 - run.target.density, size), seed))


def editor(plan: Plan, count: Callable[[int], int], seed: int = 0) -> Callable[[Any], Any]:
    """Return a function that edits a `torch_geometric.data.Data`, depending only on its nodes and edges.

    A graph that is in several splits is therefore planned once and edited in the same way in each.
    """
    plans: dict[bytes, tuple[Sequence[Edit] | Weighted, int]] = {}

    def edit(data: Any) -> Any:
        graph = graph_of(data)
        digest = hashlib.sha256(graph.nodes.to_bytes(8, "little") + graph.ends.tobytes()).digest()
        if digest not in plans:
            wanted = count(graph.size)
            draws = np.random.default_rng([seed, *np.frombuffer(digest, np.uint32).tolist()])
            plans[digest] = plan(graph, wanted, draws), wanted
        return _rebuilt(data, *plans[digest])

    return edit


def _rebuilt(data: Any, planned: Sequence[Edit] | Weighted, wanted: int) -> Any:
    if not isinstance(planned, Weighted):
        return rebuilt(data, planned, wanted)
    if data.get("edge_weight") is not None:
        raise Inapplicable("the edges of this graph have weights already, and this method would give them others")
    return rebuilt(data, planned.edits, wanted, planned.weights)
