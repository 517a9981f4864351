"""Balanced Forman curvature of edges, kept up to date while edges are edited (Topping et al., 2022, definition 1)."""

from __future__ import annotations

from benchmark.graphs.edges import Graph

Neighbours = list[set[int]]


def curvature(neighbours: Neighbours, i: int, j: int) -> float:
    """Of the edge {i, j}: 0 where an end has no other edge; high in cliques, lowest, near -2, at bottlenecks.

    2/d_i + 2/d_j - 2 + 2 t/max(d) + t/min(d) + (s_i + s_j)/(g max(d)), with t triangles; s_i the neighbours of i alone
    that lie on a 4-cycle over {i, j} without diagonals; and g the most such cycles that go through one node.
    """
    mine, other = neighbours[i], neighbours[j]
    low, high = sorted((len(mine), len(other)))
    if low <= 1:
        return 0.0
    triangles = len(mine & other)
    left, right = mine - other - {j}, other - mine - {i}
    through_left = [count for node in left if (count := len(neighbours[node] & right))]
    through_right = [count for node in right if (count := len(neighbours[node] & left))]
    value = 2 / low + 2 / high - 2 + 2 * triangles / high + triangles / low
    if through_left:
        most = max(*through_left, *through_right)
        value += (len(through_left) + len(through_right)) / (most * high)
    return value


class Curvatures:
    """Of every edge of a graph that is being edited."""

    def __init__(self, graph: Graph) -> None:
        self.neighbours: Neighbours = [set() for _ in range(graph.nodes)]
        for i, j in graph.ends.tolist():
            self.neighbours[i].add(j)
            self.neighbours[j].add(i)
        self._values = {(i, j): curvature(self.neighbours, i, j) for i, j in graph.ends.tolist()}

    def lowest(self) -> tuple[int, int]:
        """The edge of the lowest curvature; of several, the first."""
        return min(self._values, key=lambda edge: (self._values[edge], edge))

    def highest(self) -> tuple[int, int]:
        """The edge of the highest curvature; of several, the first."""
        return min(self._values, key=lambda edge: (-self._values[edge], edge))

    def __getitem__(self, edge: tuple[int, int]) -> float:
        return self._values[edge]

    def __len__(self) -> int:
        return len(self._values)

    def add(self, i: int, j: int) -> None:
        """Add the edge {i, j}."""
        self.neighbours[i].add(j)
        self.neighbours[j].add(i)
        self._refresh(i, j)

    def delete(self, i: int, j: int) -> None:
        """Delete the edge {i, j}."""
        self.neighbours[i].remove(j)
        self.neighbours[j].remove(i)
        del self._values[min(i, j), max(i, j)]
        self._refresh(i, j)

    def with_edge(self, i: int, j: int, of: tuple[int, int]) -> float:
        """The curvature of the edge `of` if there were an edge {i, j}."""
        self.neighbours[i].add(j)
        self.neighbours[j].add(i)
        value = curvature(self.neighbours, *of)
        self.neighbours[i].remove(j)
        self.neighbours[j].remove(i)
        return value

    def _refresh(self, i: int, j: int) -> None:
        """Anew for the edges at i and at j, and for those that close a 4-cycle with {i, j}."""
        mine, other = self.neighbours[i], self.neighbours[j]
        near = {(i, k) for k in mine} | {(j, k) for k in other}
        near |= {(k, w) for k in mine for w in self.neighbours[k] & other}
        for k, w in near:
            self._values[min(k, w), max(k, w)] = curvature(self.neighbours, k, w)
