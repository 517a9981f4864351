"""The lowest modes of a connected graph, and the interface of the classes that compute them while edges change.

Modes are the eigenvectors of L y = lambda D y, with the Laplacian L and the degrees D, which include self-loops of
weight `loops`. The spectral gap is the lowest lambda except the 0 of the constant y. An edit changes L by a matrix of
rank one, and D in two entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from benchmark.graphs.edges import Floats, Ints
from benchmark.graphs.krylov import NEAR
from benchmark.graphs.wiring import Wiring

BLOCK = 3
"""The number of modes that are computed on large graphs: the lowest, and two that may become the lowest."""


@dataclass(frozen=True)
class Modes:
    """The lowest eigenpairs of L y = lambda D y, except the constant one.

    Args:
        values: [k], in rising order.
        vectors: [n, k], with y'Dy = 1 and y'D1 = 0.
    """

    values: Floats
    vectors: Floats

    @property
    def gap(self) -> float:
        """The spectral gap, the lowest eigenvalue."""
        return float(self.values[0])

    @property
    def multiplicity(self) -> int:
        """How many of the eigenvalues equal the gap."""
        return int((self.values <= (1 + NEAR) * self.gap + 1e-14).sum())


class Spectrum(Protocol):
    """Computes the lowest modes of a wiring, and edits the wiring."""

    wiring: Wiring

    def modes(self) -> Modes:
        """The lowest eigenpairs of the graph with the edits so far."""

    def bridge(self, slot: int) -> bool:
        """Whether the graph would be disconnected without this edge."""

    def delete(self, slot: int) -> None:
        """Delete an edge that is not a bridge."""

    def add(self, i: int, j: int) -> None:
        """Add an edge."""

    def gaps(self, pairs: Ints, sign: int) -> Floats:
        """The exact gap after each of these edits alone, [k, 2] -> [k]; `sign` is 1 to add edges, -1 to delete them."""


def is_bridge(resistance: float, nodes: int) -> bool:
    """Whether an edge is a bridge, from the effective resistance between its ends.

    It is 1 for a bridge. For any other edge it is at most r / (1 + r), where r < n is the resistance of another path.
    """
    return 1 - resistance < 0.5 / nodes
