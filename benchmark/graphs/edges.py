"""Simple undirected graphs as sorted lists of edges, and edits of them, for all methods that edit graphs."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Ints = NDArray[np.int64]

Floats = NDArray[np.float64]

Edit = tuple[int, int, int]
"""(i, j, +1 or -1): the edge {i, j}, i < j, is added or deleted."""


@dataclass(frozen=True)
class Graph:
    """A simple undirected graph.

    Args:
        nodes: the number of nodes, isolated ones included.
        ends: int64 [m, 2], every edge once, its smaller end first, in lexicographic order.
    """

    nodes: int
    ends: Ints

    @classmethod
    def of(cls, nodes: int, pairs: Iterable[Sequence[int]] | Ints) -> Graph:
        """A graph from pairs of nodes in any order. Self-loops and repeated pairs are dropped."""
        ends = np.sort(np.asarray(pairs if isinstance(pairs, np.ndarray) else list(pairs), np.int64).reshape(-1, 2))
        keys = np.unique(ends[:, 0] * nodes + ends[:, 1])
        keys = keys[keys // max(nodes, 1) != keys % max(nodes, 1)]
        return cls(nodes, np.stack([keys // max(nodes, 1), keys % max(nodes, 1)], axis=1))

    @property
    def size(self) -> int:
        """The number of edges, m."""
        return len(self.ends)

    @cached_property
    def degrees(self) -> Ints:
        """The degree of every node, [n]."""
        return np.bincount(self.ends.ravel(), minlength=self.nodes).astype(np.int64)

    @cached_property
    def adjacency(self) -> csr_array:
        """The adjacency matrix, [n, n], symmetric, of zeros and ones."""
        from scipy.sparse import coo_array

        i, j = self.ends.T
        entries = (np.r_[i, j], np.r_[j, i])
        return coo_array((np.ones(2 * self.size), entries), (self.nodes, self.nodes)).tocsr()

    @cached_property
    def components(self) -> tuple[int, Ints]:
        """The number of connected components, and the component of every node, [n]."""
        from scipy.sparse.csgraph import connected_components

        count, labels = connected_components(self.adjacency, directed=False)
        return int(count), labels.astype(np.int64)

    @property
    def removable(self) -> int:
        """How many edges can be deleted without splitting a component: m - n + c, all but a spanning forest."""
        return self.size - self.nodes + self.components[0]

    def edited(self, log: Iterable[Edit]) -> Graph:
        """The graph after these edits."""
        deleted, added = (np.array(pairs, np.int64).reshape(-1, 2) for pairs in net(log))
        is_deleted = np.isin(self.ends @ [self.nodes, 1], deleted @ [self.nodes, 1])
        return Graph.of(self.nodes, np.concatenate([self.ends[~is_deleted], added]))

    def induced(self, nodes: Ints) -> Graph:
        """The subgraph on `nodes`, which must be ascending. They are renumbered from 0 in that order."""
        new_number = np.full(self.nodes, -1)
        new_number[nodes] = np.arange(len(nodes))
        ends = new_number[self.ends]
        return Graph(len(nodes), ends[(ends >= 0).all(axis=1)])


def graph_of(data: Any) -> Graph:
    """The graph of a `torch_geometric.data.Data`, without its self-loops and repeated edges.

    Raises:
        ValueError: an edge is stored in one direction only.
    """
    nodes = int(data.num_nodes)
    source, target = data.edge_index.cpu().numpy()
    forth = np.unique(source[source < target] * nodes + target[source < target])
    back = np.unique(target[source > target] * nodes + source[source > target])
    if not np.array_equal(forth, back):
        lone = len(np.setxor1d(forth, back))
        raise ValueError(
            f"the graph is directed: {lone} of its {len(np.union1d(forth, back))} edges are stored in one direction "
            "only; make it undirected first (torch_geometric.utils.to_undirected)"
        )
    return Graph(nodes, np.stack([forth // max(nodes, 1), forth % max(nodes, 1)], axis=1))


def rebuilt(data: Any, log: Sequence[Edit], asked: int, weights: Floats | None = None) -> Any:
    """A copy of a `Data` with the edits in `log` applied. Tensors that are not about edges are shared, not copied.

    Kept edges keep their order, their repetitions and their attributes; self-loops stay. New edges come last, first in
    the direction i -> j, then j -> i. Their attributes are zeros (the first category, if they are categories), except
    an `edge_weight`, which is 1.

    The copy has the attributes `edits`, int64 [k, 3], the log in order, which batches concatenate, and `edits_asked`,
    an int. Both continue those of earlier edits.

    Args:
        asked: the number of edits that was asked for.
        weights: positive weights of the edges that are left, [m], in the order of `Graph.ends`; for the attribute
            `edge_weight`, in place of weights that the graph has.
    """
    edited, index, nodes = copy.copy(data), data.edge_index, int(data.num_nodes)
    deleted, added = net(log)
    keys = index.min(dim=0).values * nodes + index.max(dim=0).values
    kept = torch.isin(keys, torch.tensor([i * nodes + j for i, j in deleted], device=index.device), invert=True)
    new = torch.tensor(added, dtype=torch.int64, device=index.device).reshape(-1, 2).T
    for name in [name for name in data.keys() if name not in ("edge_index", "edits") and data.is_edge_attr(name)]:  # noqa: SIM118  # torch-geometric's keys
        edited[name] = _extended(data[name], kept, new.shape[1], 1 if name == "edge_weight" else 0)
    edited.edge_index = torch.cat([index[:, kept], new, new.flip(0)], dim=1)
    edited.num_nodes = nodes
    if weights is not None:
        edited.edge_weight = torch.from_numpy(weights).to(index.device)[slots(graph_of(edited), edited.edge_index)]
    rows = torch.tensor(log, dtype=torch.int64, device=index.device).reshape(-1, 3)
    edited.edits = torch.cat([data.edits, rows]) if "edits" in data else rows
    edited.edits_asked = asked + (data.edits_asked if "edits_asked" in data else 0)
    return edited


def slots(graph: Graph, edge_index: Tensor) -> Tensor:
    """The number of the undirected edge of each directed edge, [2, e] -> [e]."""
    ends = torch.from_numpy(graph.ends).to(edge_index.device)
    keys = edge_index.min(dim=0).values * graph.nodes + edge_index.max(dim=0).values
    return torch.searchsorted(ends[:, 0] * graph.nodes + ends[:, 1], keys)


def asked(edges: float | None, share: float, size: int) -> int:
    """How many edits are asked for on a graph with `size` undirected edges.

    Args:
        edges: a share below 1 of the edges (float), or a number of them (int); None for `share`.
    """
    if edges is None:
        return round(share * size)
    return round(edges * size) if isinstance(edges, float) else edges


def net(log: Iterable[Edit]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The edges that a log deletes and adds in total, in the order of their last edit."""
    change: dict[tuple[int, int], int] = {}
    for i, j, sign in log:
        change[i, j] = change.pop((i, j), 0) + sign
    return [pair for pair, sum_ in change.items() if sum_ < 0], [pair for pair, sum_ in change.items() if sum_ > 0]


def _extended(values: Any, kept: Tensor, new: int, fill: int) -> Any:
    """An attribute of edges: the values of the kept edges, then `fill` for the new ones, in both directions."""
    if not isinstance(values, Tensor):
        return values
    return torch.cat([values[kept], values.new_full((2 * new, *values.shape[1:]), fill)])
