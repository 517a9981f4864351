"""The lowest modes of a connected graph, and what can follow them while edges are edited.

L y = lambda D y, where L is the Laplacian and D holds the degrees, self-loops of weight `loops` included. The gap is
the lowest lambda but the 0 of constant y. An edit changes L by one term of rank one, and D in two places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from benchmark.graphs.edges import Floats, Ints
from benchmark.graphs.krylov import NEAR
from benchmark.graphs.wiring import Wiring

BLOCK = 3
"""Modes that are followed on large graphs: the one to score by, and two that may become it."""


@dataclass(frozen=True)
class Modes:
    """The lowest eigenpairs of L y = lambda D y but the constant one.

    Args:
        values: [k], rising.
        vectors: [n, k], with y'Dy = 1 and y'D1 = 0.
    """

    values: Floats
    vectors: Floats

    @property
    def gap(self) -> float:
        return float(self.values[0])

    @property
    def multiplicity(self) -> int:
        """How many of the values are the gap."""
        return int((self.values <= (1 + NEAR) * self.gap + 1e-14).sum())


class Spectrum(Protocol):
    """The lowest modes of a wiring, and its edits."""

    wiring: Wiring

    def modes(self) -> Modes:
        """The lowest eigenpairs as the graph stands."""

    def bridge(self, slot: int) -> bool:
        """Whether the graph falls apart without this edge."""

    def delete(self, slot: int) -> None:
        """Delete an edge that is no bridge."""

    def add(self, i: int, j: int) -> None:
        """Add an edge."""

    def gaps(self, pairs: Ints, sign: int) -> Floats:
        """[k, 2] -> [k]: the exact gap after each of these edits alone."""


def is_bridge(resistance: float, nodes: int) -> bool:
    """The resistance between the ends of a bridge is 1; of another edge at most r / (1 + r), r < n, another way."""
    return 1 - resistance < 0.5 / nodes
