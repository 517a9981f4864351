"""Ollivier-Ricci curvature of edges by exact optimal transport, updated as edges are edited (Ollivier, 2009)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import csr_array, eye_array, kron, vstack

from benchmark.graphs.edges import Edit, Floats, Graph

COPIES = 500
"""Largest number of points to which two neighbourhoods are copied, to be assigned to each other."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Transport:
    """What an edge {u, v} costs.

    Args:
        curvature: 1 - W, where W is the least cost of moving the neighbours of u to those of v, each side of mass 1,
            spread evenly, over the distances in the graph.
        dearest: the smaller and the larger node between which the plan of that cost spends most; the first of several.
    """

    curvature: float
    dearest: Pair


class Transports:
    """The transports of all edges of a graph, computed anew where edits change them."""

    def __init__(self, graph: Graph) -> None:
        self.neighbours: list[set[int]] = [set() for _ in range(graph.nodes)]
        for i, j in graph.ends.tolist():
            self.neighbours[i].add(j)
            self.neighbours[j].add(i)
        self._of: dict[Pair, Transport] = {}
        self._refresh(range(graph.nodes))

    def __getitem__(self, edge: Pair) -> Transport:
        return self._of[edge]

    def __len__(self) -> int:
        return len(self._of)

    def ordered(self) -> list[Pair]:
        """Return the edges from the most negative curvature to the most positive, equal ones by their nodes."""
        return sorted(self._of, key=lambda edge: (round(self._of[edge].curvature, 9), edge))

    def edit(self, log: Iterable[Edit]) -> None:
        """Add and delete edges. Of others, those change that have an end that is, or is next to, an end of an edit."""
        log = list(log)
        ends = {end for i, j, _ in log for end in (i, j)}
        near = ends.union(*(self.neighbours[end] for end in ends))
        for i, j, sign in log:
            change = set.add if sign > 0 else set.remove
            change(self.neighbours[i], j)
            change(self.neighbours[j], i)
            self._of.pop((i, j), None)
        self._refresh(near.union(*(self.neighbours[end] for end in ends)))

    def _refresh(self, nodes: Iterable[int]) -> None:
        stale = {(min(i, j), max(i, j)) for i in nodes for j in self.neighbours[i]}
        self._of |= {edge: transport(self.neighbours, *edge) for edge in stale}


def transport(neighbours: list[set[int]], u: int, v: int) -> Transport:
    """Return the transport of the edge {u, v}."""
    sources, targets = sorted(neighbours[u]), sorted(neighbours[v])
    distances = np.array([[_distance(neighbours, i, j) for j in targets] for i in sources], np.float64)
    spent = plan(distances) * distances
    i, j = divmod(int(np.argmax(spent >= spent.max() - 1e-9)), len(targets))
    return Transport(1 - float(spent.sum()), (min(sources[i], targets[j]), max(sources[i], targets[j])))


def plan(distances: Floats) -> Floats:
    """Return a plan of least cost from rows to columns, [r, c]: each row holds 1 / r of the mass, each column 1 / c.

    With rows and columns copied to equal numbers of points, it is an assignment (Birkhoff); a linear programme if
    these are too many.
    """
    rows, columns = distances.shape
    points = math.lcm(rows, columns)
    return _assigned(distances, points) if points <= COPIES else _programmed(distances)


def _assigned(distances: Floats, points: int) -> Floats:
    rows, columns = distances.shape
    copied = distances.repeat(points // rows, axis=0).repeat(points // columns, axis=1)
    i, j = linear_sum_assignment(copied)
    moved = np.zeros_like(distances)
    np.add.at(moved, (i // (points // rows), j // (points // columns)), 1 / points)
    return moved


def _programmed(distances: Floats) -> Floats:
    rows, columns = distances.shape
    leaving = kron(eye_array(rows), csr_array(np.ones((1, columns))))
    coming = kron(csr_array(np.ones((1, rows))), eye_array(columns))
    masses = np.r_[np.full(rows, 1 / rows), np.full(columns, 1 / columns)]
    solved = linprog(distances.ravel(), A_eq=vstack([leaving, coming]), b_eq=masses, method="highs-ds")
    if not solved.success:
        raise RuntimeError(
            f"the transport of a neighbourhood of {rows} nodes to {columns} has no plan: {solved.message}"
        )
    return np.asarray(solved.x).reshape(rows, columns)


def _distance(neighbours: list[set[int]], i: int, j: int) -> int:
    """Return the distance between a neighbour of one end of an edge and one of the other end: 3 at most."""
    if i == j:
        return 0
    if j in neighbours[i]:
        return 1
    return 3 if neighbours[i].isdisjoint(neighbours[j]) else 2
