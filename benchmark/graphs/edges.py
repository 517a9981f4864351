"""Simple undirected graphs as canonical edges, and edits of them: what every method that rewires graphs shares."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

Ints = NDArray[np.int64]


Floats = NDArray[np.float64]


Edit = tuple[int, int, int]
"""(i, j, +1 or -1): the edge {i, j}, i < j, is added or deleted."""


@dataclass(frozen=True)
class Graph:
    """A simple undirected graph.

    Args:
        nodes: how many; those without an edge count.
        ends: int64 [m, 2], every edge once, its smaller end first, in lexicographic order.
    """

    nodes: int
    ends: Ints

    @classmethod
    def of(cls, nodes: int, pairs: Iterable[Sequence[int]] | Ints) -> Graph:
        """From pairs of ends in any order; self-loops and repetitions are dropped."""
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
        """[n]."""
        return np.bincount(self.ends.ravel(), minlength=self.nodes).astype(np.int64)

    @cached_property
    def adjacency(self) -> csr_array:
        """[n, n], symmetric, zeros and ones."""
        i, j = self.ends.T
        there = (np.r_[i, j], np.r_[j, i])
        return coo_array((np.ones(2 * self.size), there), (self.nodes, self.nodes)).tocsr()

    @cached_property
    def components(self) -> tuple[int, Ints]:
        """How many there are, and the number of each node's."""
        count, labels = connected_components(self.adjacency, directed=False)
        return int(count), labels.astype(np.int64)

    @property
    def removable(self) -> int:
        """Edges that can be deleted with every component left whole: m - n + c (what a spanning forest leaves)."""
        return self.size - self.nodes + self.components[0]

    def edited(self, log: Iterable[Edit]) -> Graph:
        """After these edits."""
        gone, come = (np.array(pairs, np.int64).reshape(-1, 2) for pairs in net(log))
        deleted = np.isin(self.ends @ [self.nodes, 1], gone @ [self.nodes, 1])
        return Graph.of(self.nodes, np.concatenate([self.ends[~deleted], come]))

    def induced(self, nodes: Ints) -> Graph:
        """The subgraph on `nodes`, ascending, which are numbered anew in that order."""
        place = np.full(self.nodes, -1)
        place[nodes] = np.arange(len(nodes))
        ends = place[self.ends]
        return Graph(len(nodes), ends[(ends >= 0).all(axis=1)])


def graph_of(data: Any) -> Graph:
    """The graph of a `torch_geometric.data.Data`. Its self-loops and repeated edges are passed over.

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


def rebuilt(data: Any, log: Sequence[Edit], asked: int) -> Any:
    """A copy of a `Data` whose edges are those after `log`; the tensor of every other attribute is shared.

    Kept edges keep their order, their copies and their attributes, and self-loops stay. New edges come last, first in
    the direction i -> j, then j -> i; their attributes are zeros (of a category, the first), an `edge_weight` is 1.
    The copy carries `edits`, int64 [k, 3], the log in order, which a batch concatenates; and `edits_asked`, an int.
    Where the graph was edited before, both go on from there.
    """
    edited, index, nodes = copy.copy(data), data.edge_index, int(data.num_nodes)
    gone, come = net(log)
    keys = index.min(dim=0).values * nodes + index.max(dim=0).values
    kept = torch.isin(keys, torch.tensor([i * nodes + j for i, j in gone], device=index.device), invert=True)
    new = torch.tensor(come, dtype=torch.int64, device=index.device).reshape(-1, 2).T
    for name in [name for name in data.keys() if name not in ("edge_index", "edits") and data.is_edge_attr(name)]:  # noqa: SIM118  # torch-geometric's keys
        edited[name] = _extended(data[name], kept, new.shape[1], 1 if name == "edge_weight" else 0)
    edited.edge_index = torch.cat([index[:, kept], new, new.flip(0)], dim=1)
    edited.num_nodes = nodes
    rows = torch.tensor(log, dtype=torch.int64, device=index.device).reshape(-1, 3)
    edited.edits = torch.cat([data.edits, rows]) if "edits" in data else rows
    edited.edits_asked = asked + (data.edits_asked if "edits_asked" in data else 0)
    return edited


def asked(edges: float | None, share: float, size: int) -> int:
    """How many edges are asked of a graph with `size` undirected ones.

    Args:
        edges: a share below 1, or a number; None: `share` of them.
    """
    if edges is None:
        return round(share * size)
    return round(edges * size) if isinstance(edges, float) else edges


def net(log: Iterable[Edit]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The edges that are gone, and that have come, once every edit is made, in the order of their last edit."""
    change: dict[tuple[int, int], int] = {}
    for i, j, sign in log:
        change[i, j] = change.pop((i, j), 0) + sign
    return [pair for pair, sum_ in change.items() if sum_ < 0], [pair for pair, sum_ in change.items() if sum_ > 0]


def _extended(values: Any, kept: Tensor, new: int, fill: int) -> Any:
    """Values by edge, for the edges that are kept and, in both directions, the new ones."""
    if not isinstance(values, Tensor):
        return values
    return torch.cat([values[kept], values.new_full((2 * new, *values.shape[1:]), fill)])
