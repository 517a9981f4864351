"""Graphs in the form that they are stored in, and what an edit may make of one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data as Graph
from torch_geometric.utils import coalesce, to_undirected

from benchmark.graphs.edge_weights import edge_weights

OF_EDGES = {"edge_attr": "features", "edge_weight": "weight"}
"""Fields with a row for every edge, and what it holds."""


def checked(before: Graph, after: Any, directed: bool) -> Graph:
    """Return the edges of an edited graph, with their features and weights, in the form of `canonical`.

    Args:
        before: the graph before the edit.
        directed: whether edges are directed; otherwise both directions must be there, and weigh the same.

    Raises:
        ValueError: they cannot take the place of the edges before.
    """
    nodes = before.num_nodes
    if not isinstance(after, Graph) or after.num_nodes != nodes:
        raise ValueError(f"the edit must give a graph of the same {nodes} nodes")
    ends = after.edge_index.cpu()
    if ends.numel() and not 0 <= int(ends.min()) <= int(ends.max()) < nodes:
        raise ValueError("the edit names nodes that are not there")
    left = Graph(edge_index=ends, edge_weight=edge_weights(after, directed=directed), num_nodes=nodes)
    left.edge_attr = after.edge_attr if before.edge_attr is not None else None
    _require_kept(before, left)
    tidy = canonical(left, directed=True)
    if not directed and to_undirected(tidy.edge_index, num_nodes=nodes).shape != tidy.edge_index.shape:
        raise ValueError("the edit left an edge without its way back, in a graph without directions")
    return tidy


def of_edges(graphs: Sequence[Graph]) -> dict[str, list[Tensor]]:
    """Return what edges of any of the graphs have, a tensor for each graph; edges without a weight weigh 1."""
    given = {name: [(graph, graph.get(name)) for graph in graphs] for name in OF_EDGES}
    return {
        name: [torch.ones(graph.num_edges) if rows is None else rows for graph, rows in values]
        for name, values in given.items()
        if any(rows is not None for _, rows in values)
    }


def canonical(graph: Graph, directed: bool) -> Graph:
    """Remove loops and duplicate edges, sort edges with their features, and add both directions if undirected."""
    graph = copy.copy(graph)
    apart = graph.edge_index[0] != graph.edge_index[1]
    names = [name for name in OF_EDGES if graph.get(name) is not None]
    tidy, values = coalesce if directed else to_undirected, [graph[name][apart] for name in names]
    graph.edge_index, values = tidy(graph.edge_index[:, apart], values, num_nodes=graph.num_nodes, reduce="max")
    for name, value in zip(names, values, strict=True):
        graph[name] = value
    return graph


def _require_kept(before: Graph, left: Graph) -> None:
    """Raise ValueError unless every edge has what edges had before."""
    for name in [name for name in OF_EDGES if before.get(name) is not None]:
        if not isinstance(left.get(name), Tensor) or len(left[name]) != left.edge_index.shape[1]:
            raise ValueError(f"the edit must leave every edge its {OF_EDGES[name]}")
