"""`Wiring`, a connected graph that is edited edge by edge: every edge keeps its number, and degrees are up to date."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from benchmark.graphs.edges import Floats, Graph, Ints

Flags = NDArray[np.bool_]


class Wiring:
    """The edges of a connected graph, each in a slot: the original ones in lexicographic order, then added ones.

    Args:
        loops: the weight of a self-loop at every node. It adds to the degrees, and does not change the Laplacian.
    """

    def __init__(self, graph: Graph, loops: float = 0.0) -> None:
        self.nodes = graph.nodes
        self._given = self._count = graph.size
        self._u, self._v = (np.concatenate([end, np.empty(64, np.int64)]) for end in graph.ends.T)
        self._there: Flags = np.arange(graph.size + 64) < graph.size
        self._free: Flags = self._there.copy()
        self.degrees: Floats = graph.degrees.astype(np.float64) + loops
        self.loops = float(loops)

    @property
    def u(self) -> Ints:
        """The smaller end of the edge in every slot, deleted edges included."""
        return self._u[: self._count]

    @property
    def v(self) -> Ints:
        """The larger end of the edge in every slot, deleted edges included."""
        return self._v[: self._count]

    @property
    def there(self) -> Flags:
        """For every slot, whether its edge is in the graph and not deleted."""
        return self._there[: self._count]

    @property
    def deletable(self) -> Flags:
        """For every slot, whether its edge may be deleted: an original edge that is not known to be a bridge."""
        return self._free[: self._count]

    @property
    def size(self) -> int:
        """The number of edges that are not deleted."""
        return int(self.there.sum())

    def lock(self, slot: int) -> None:
        """Mark an edge as a bridge, not to be deleted. Deleting other edges does not change that."""
        self._free[slot] = False

    def unlock(self) -> None:
        """Forget which edges are bridges, after an edge was added. Added edges themselves are never deleted."""
        self._free[: self._given] = self._there[: self._given]

    def delete(self, slot: int) -> None:
        """Delete an edge."""
        self._there[slot] = self._free[slot] = False
        self.degrees[[self._u[slot], self._v[slot]]] -= 1

    def add(self, i: int, j: int) -> None:
        """Add an edge that the graph does not have."""
        if self._count == len(self._u):
            self._u, self._v = np.resize(self._u, 2 * self._count), np.resize(self._v, 2 * self._count)
            more = np.zeros(self._count, bool)
            self._there, self._free = np.concatenate([self._there, more]), np.concatenate([self._free, more])
        self._u[self._count], self._v[self._count] = min(i, j), max(i, j)
        self._there[self._count] = True
        self._count += 1
        self.degrees[[i, j]] += 1

    def adjacency(self) -> csr_array:
        """The adjacency matrix, [n, n], symmetric, without self-loops."""
        u, v = self.u[self.there], self.v[self.there]
        return coo_array((np.ones(2 * len(u)), (np.r_[u, v], np.r_[v, u])), (self.nodes, self.nodes)).tocsr()

    def taken(self, rows: Ints, columns: Ints) -> Flags:
        """Which pairs of nodes may not be added, [r, c]: edges, deleted edges, and a node with itself."""
        row, column = (np.full(self.nodes, -1) for _ in range(2))
        row[rows], column[columns] = np.arange(len(rows)), np.arange(len(columns))
        blocked = np.zeros((len(rows), len(columns)), bool)
        for a, b in ((self.u, self.v), (self.v, self.u)):
            inside = (row[a] >= 0) & (column[b] >= 0)
            blocked[row[a[inside]], column[b[inside]]] = True
        same = np.intersect1d(rows, columns)
        blocked[row[same], column[same]] = True
        return blocked
