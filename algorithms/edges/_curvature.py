"""Balanced Forman curvature of edges, updated as edges are edited (Topping et al., 2022, definition 1)."""

from __future__ import annotations

from benchmark.graphs.edges import Graph

Neighbours = list[set[int]]


def curvature(neighbours: Neighbours, i: int, j: int) -> float:
    """Return the curvature of the edge {i, j}: high in cliques, lowest (near -2) at bottlenecks.

    It is 2/d_i + 2/d_j - 2 + 2 t/max(d) + t/min(d) + (s_i + s_j)/(g max(d)). Here t is the number of triangles, s_i the
    number of neighbours of i but not j on a 4-cycle through {i, j} without diagonals, and g the largest number of such
    cycles through one node. The curvature is 0 if one end has no other edge.
    """
    of_i, of_j = neighbours[i], neighbours[j]
    low, high = sorted((len(of_i), len(of_j)))
    if low <= 1:
        return 0.0
    triangles = len(of_i & of_j)
    left, right = of_i - of_j - {j}, of_j - of_i - {i}
    through_left = [count for node in left if (count := len(neighbours[node] & right))]
    through_right = [count for node in right if (count := len(neighbours[node] & left))]
    value = 2 / low + 2 / high - 2 + 2 * triangles / high + triangles / low
    if through_left:
        most = max(*through_left, *through_right)
        value += (len(through_left) + len(through_right)) / (most * high)
    return value


class Curvatures:
    """The curvatures of all edges of a graph, updated as it is edited."""

    def __init__(self, graph: Graph) -> None:
        self.neighbours: Neighbours = [set() for _ in range(graph.nodes)]
        for i, j in graph.ends.tolist():
            self.neighbours[i].add(j)
            self.neighbours[j].add(i)
        self._values = {(i, j): curvature(self.neighbours, i, j) for i, j in graph.ends.tolist()}

    def lowest(self) -> tuple[int, int]:
        """Return the edge with the lowest curvature; the first of several."""
        return min(self._values, key=lambda edge: (self._values[edge], edge))

    def highest(self) -> tuple[int, int]:
        """Return the edge with the highest curvature; the first of several."""
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
        """Return the curvature of the edge `of` if the edge {i, j} were added."""
        self.neighbours[i].add(j)
        self.neighbours[j].add(i)
        value = curvature(self.neighbours, *of)
        self.neighbours[i].remove(j)
        self.neighbours[j].remove(i)
        return value

    def _refresh(self, i: int, j: int) -> None:
        """Recompute the curvatures that editing {i, j} changes: of edges at i, at j, and on a 4-cycle with {i, j}."""
        of_i, of_j = self.neighbours[i], self.neighbours[j]
        near = {(i, k) for k in of_i} | {(j, k) for k in of_j}
        near |= {(k, w) for k in of_i for w in self.neighbours[k] & of_j}
        for k, w in near:
            self._values[min(k, w), max(k, w)] = curvature(self.neighbours, k, w)
