"""How many edges a method edits, and one edit of every graph, the same wherever the graph stands."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from benchmark import Count, Run, Share
from benchmark.graphs.edges import Edit, Graph, asked, graph_of, rebuilt

Edges = Annotated[Share | Count | None, Field(description="number in (0, 1) | whole number >= 1 | none")]
"""An option: edits per graph, as a share of its undirected edges, or as a number; none: as many as the target asks."""

Plan = Callable[[Graph, int, np.random.Generator], Sequence[Edit]]
"""From a graph, how many edits are asked, and random numbers of this graph's own, to the edits in order."""


def guarded(options: Mapping[str, Any], graph: Graph) -> int | None:
    """The most edits of a graph where only deletions are made, and none may break a component apart."""
    return graph.removable if options["connectivity"] == "keep" and options["mode"] == "delete" else None


def rewrite(run: Run, edges: Edges, plan: Plan, *, random: bool = False) -> None:
    """Edit every graph as `plan` says.

    Args:
        random: the plan draws; one number is then taken from `run.rng`, and every graph gets a stream of its own.
    """
    seed = int(torch.randint(2**62, (1,), generator=run.rng)) if random else 0
    run.rewrite(editor(plan, lambda size: asked(edges, 1 - run.target.density, size), seed))


def editor(plan: Plan, count: Callable[[int], int], seed: int = 0) -> Callable[[Any], Any]:
    """An edit of `torch_geometric.data.Data` that is a function of the graph's nodes and edges alone.

    So a graph that stands in several splits is planned once, and edited in the same way in each.
    """
    plans: dict[bytes, tuple[Sequence[Edit], int]] = {}

    def edit(data: Any) -> Any:
        graph = graph_of(data)
        digest = hashlib.sha256(graph.nodes.to_bytes(8, "little") + graph.ends.tobytes()).digest()
        if digest not in plans:
            wanted = count(graph.size)
            draws = np.random.default_rng([seed, *np.frombuffer(digest, np.uint32).tolist()])
            plans[digest] = plan(graph, wanted, draws), wanted
        return rebuilt(data, *plans[digest])

    return edit
