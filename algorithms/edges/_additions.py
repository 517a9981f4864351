"""Finds the best edges to add to a graph, by scores computed from its lowest modes."""

from __future__ import annotations

import numpy as np

from benchmark.graphs.edges import Floats, Ints
from benchmark.graphs.modes import Modes
from benchmark.graphs.wiring import Wiring

from ._pairs import bounded_pairs, extreme_pairs
from ._proxies import Vector, eldan, eldan_bound, rise, scored_by, term_size


def proxy_additions(wiring: Wiring, modes: Modes, vector: Vector, count: int) -> Ints:
    """Return the non-edges with the highest proxy, [k, 2], best first."""
    gap, x = modes.gap, scored_by(modes, wiring.degrees, vector)

    def block(rows: Ints, columns: Ints) -> Floats:
        return rise(gap, x, rows, columns)

    if x.shape[1] == 1 and gap < 1:  # (1 - gap)(x_i^2 + x_j^2) - 2 x_i x_j is convex in each
        return extreme_pairs(wiring, x[:, 0], block, count, term_size(gap, x))
    return bounded_pairs(wiring, (2 - gap) * (x**2).mean(axis=1), block, count, term_size(gap, x))


def eldan_additions(wiring: Wiring, modes: Modes, count: int) -> Ints:
    """Return the non-edges with the lowest g of Eldan's criterion, [k, 2], lowest first."""
    gap, degrees, edges = modes.gap, wiring.degrees, wiring.size
    f = (modes.vectors * np.sqrt(degrees)[:, None])[:, : modes.multiplicity]

    def block(rows: Ints, columns: Ints) -> Floats:
        total = sum(eldan(gap, (c[rows], c[columns]), (degrees[rows], degrees[columns]), edges) for c in f.T)
        return np.asarray(-total / f.shape[1])

    bound = np.mean([eldan_bound(gap, c, degrees, edges) for c in f.T], axis=0)
    return bounded_pairs(wiring, bound, block, count, term_size(gap, f))
