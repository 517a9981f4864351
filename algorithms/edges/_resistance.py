"""Effective resistances of edges, every edge a resistor of 1 ohm: exact, or by random projections."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import cg

from benchmark.graphs.edges import Floats, Graph, Ints
from benchmark.graphs.factor import Factor
from benchmark.graphs.spectrum import CROWDED
from benchmark.graphs.wiring import Wiring

AT_ONCE = 16
"""Number of systems solved at a time."""


def resistances(graph: Graph, exact: int, error: float, draws: np.random.Generator) -> Floats:
    """Return the effective resistance between the ends of every edge, [m].

    Args:
        exact: the largest component, in nodes, that is computed exactly.
        error: relative error of the others (see `projected`).
    """
    _, labels = graph.components
    values = np.ones(graph.size)
    for nodes, part in parts(graph):
        inside = labels[graph.ends[:, 0]] == labels[nodes[0]]
        values[inside] = across(part) if part.nodes <= exact else projected(part, error, draws)
    return values


def parts(graph: Graph) -> Iterator[tuple[Ints, Graph]]:
    """Yield the nodes of every component that has edges, and the component with its nodes renumbered."""
    _, labels = graph.components
    order = np.argsort(labels, kind="stable")
    for nodes in np.split(order, np.cumsum(np.bincount(labels))[:-1]):
        if len(nodes) > 1:
            yield nodes, graph.induced(nodes)


def pseudo_inverse(graph: Graph) -> Floats:
    """Return the pseudo-inverse L+ of the Laplacian of a connected graph, [n, n], as (L + J/n)^-1 - J/n."""
    laplacian = np.diag(graph.degrees.astype(np.float64)) - graph.adjacency.toarray()
    return np.asarray(np.linalg.inv(laplacian + 1 / graph.nodes) - 1 / graph.nodes)


def across(graph: Graph) -> Floats:
    """Return R = L+_uu + L+_vv - 2 L+_uv of every edge of a connected graph, [m]."""
    inverse, (u, v) = pseudo_inverse(graph), graph.ends.T
    return np.asarray(inverse[u, u] + inverse[v, v] - 2 * inverse[u, v])


def projected(graph: Graph, error: float, draws: np.random.Generator) -> Floats:
    """Return the resistance of every edge of a connected graph up to a relative error, [m].

    R_uv is the squared distance of u and v in the rows of B L+, with B the incidence matrix [m, n]. Multiplied by a
    random matrix of k = 24 ln(n) / error^2 rows of +-1/sqrt(k), distances stay with high probability (Spielman &
    Srivastava, 2011, section 4). What lies outside 2/n and 1, between which the resistances of edges lie, is clipped.
    """
    u, v = graph.ends.T
    rows, solve = math.ceil(24 * math.log(graph.nodes) / error**2), _solver(graph)
    slots = np.arange(graph.size)
    incidence = coo_array((np.repeat([1.0, -1.0], graph.size), (np.r_[u, v], np.r_[slots, slots]))).tocsr()
    total = np.zeros(graph.size)
    for start in range(0, rows, AT_ONCE):
        signs = draws.choice([-1.0, 1.0], (graph.size, min(AT_ONCE, rows - start)))
        potential = solve(incidence @ signs)
        total += ((potential[u] - potential[v]) ** 2).sum(axis=1)
    return np.asarray(np.clip(total / rows, 2 / graph.nodes, 1))


def _solver(graph: Graph) -> Callable[[Floats], Floats]:
    """Return a function that solves L x = r for r that sum to zero, [n, b] -> [n, b]: by a factor, or iteratively."""
    if graph.size <= CROWDED * graph.nodes:
        return Factor(Wiring(graph)).solve
    degrees = diags_array(graph.degrees.astype(np.float64))
    laplacian, scaled = (degrees - graph.adjacency).tocsr(), diags_array(1 / graph.degrees)

    def solve(right: Floats) -> Floats:
        return np.column_stack([cg(laplacian, column, rtol=1e-6, M=scaled)[0] for column in right.T])

    return solve
