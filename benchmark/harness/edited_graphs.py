"""Edits of graphs that an algorithm has not seen: it gets them unlabelled, after the run, and returns the edges.

A graph is sent as tensors by `number/field`: `0/edge_index`, `0/x`, `0/edge_attr`, `0/edge_weight`, `0/num_nodes`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmark.data.splits import Data, Splits
from benchmark.harness.handover import Graphs

SPLITS = ("validation", "test")

Editor = Callable[[int, dict[str, Graphs]], dict[str, Graphs]]
"""Applies the edit of this number to graphs without labels, by split, and returns their edges."""


def applied(splits: Splits, edits: int, editor: Editor) -> dict[str, Data]:
    """The validation and the test split after all edits of a run, one after the other."""
    data = {split: getattr(splits, split) for split in SPLITS}
    for number in range(edits):
        edges = editor(number, {split: shown(graphs) for split, graphs in data.items()})
        data = {split: with_edges(graphs, edges[split]) for split, graphs in data.items()}
    return data


def shown(data: Data) -> Graphs:
    """The graphs as an edit may see them: nodes, edges and their features, no labels."""
    return {f"{number}/{name}": value for number in range(len(data)) for name, value in _fields(data.graph(number))}


def edges_of(data: Data) -> Graphs:
    """The edges of the graphs, and their features."""
    return _edges(data.graph(number) for number in range(len(data)))


def edited(graphs: Graphs, edit: Callable[[Any], Any]) -> Graphs:
    """The edges of these graphs after an edit."""
    from torch_geometric.data import Data as Graph

    def one(fields: dict[str, Tensor]) -> Any:
        return edit(Graph(**fields | {"num_nodes": int(fields["num_nodes"])}))

    return _edges(one(fields) for fields in _numbered(graphs))


def with_edges(data: Data, edges: Graphs) -> Data:
    """The data with these edges in place of their own.

    Raises:
        ValueError: they are not the edges of graphs with these nodes.
    """
    given = iter(_numbered(edges))

    def replaced(graph: Any) -> Any:
        fields, after = next(given, {}), copy.copy(graph)
        after.num_nodes = int(fields.get("num_nodes", torch.tensor(-1)))
        before = {name for name, _ in _fields(graph) if _of_edges(graph, name)}
        for name in before | (fields.keys() & {"edge_weight"}):
            after[name] = fields.get(name)
        return after

    return data.rewrite(replaced)


def _numbered(graphs: Graphs) -> list[dict[str, Tensor]]:
    """The fields of each graph, in order of its number."""
    numbered: dict[int, dict[str, Tensor]] = {}
    for name, value in graphs.items():
        number, _, field = name.partition("/")
        numbered.setdefault(int(number), {})[field] = value
    return [numbered[number] for number in sorted(numbered)]


def _edges(graphs: Iterator[Any]) -> Graphs:
    return {
        f"{number}/{name}": value
        for number, graph in enumerate(graphs)
        for name, value in _fields(graph)
        if name == "num_nodes" or _of_edges(graph, name)
    }


def _of_edges(graph: Any, name: str) -> bool:
    """Whether a field is about edges. Weights are, of whatever size: wrong ones are to be found, not to be lost."""
    return name in ("edge_index", "edge_weight") or bool(graph.is_edge_attr(name))


def _fields(graph: Any) -> Iterator[tuple[str, Tensor]]:
    yield "num_nodes", torch.tensor(int(graph.num_nodes))
    for name, value in graph.to_dict().items():
        if isinstance(value, Tensor) and name not in ("edits", "num_nodes"):
            yield name, value
