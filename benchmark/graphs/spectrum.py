"""Chooses the fastest of the three ways to compute the lowest modes of a graph while its edges change."""

from __future__ import annotations

from benchmark.graphs.dense import Dense
from benchmark.graphs.modes import Spectrum
from benchmark.graphs.sparse import Factored, Iterated
from benchmark.graphs.wiring import Wiring

DENSE = 200
"""The number of nodes up to which dense eigenvalue routines are the fastest."""

CROWDED = 32
"""Edges per node above which a sparse factor of L fills in, while Lanczos on the adjacency converges fast."""


def spectrum_of(wiring: Wiring) -> Spectrum:
    """The fastest `Spectrum` for a graph of this size and density."""
    if wiring.nodes <= DENSE:
        return Dense(wiring)
    return Iterated(wiring) if wiring.size > CROWDED * wiring.nodes else Factored(wiring)
