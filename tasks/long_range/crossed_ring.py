"""Crossed ring: ring transfer with chords that add ways and shorten none (Di Giovanni et al., 2023)."""

from __future__ import annotations

from benchmark import Task
from benchmark.plugins.task import task

from ._transfer import Even, Pair, transfer


def crossed(nodes: int) -> list[Pair]:
    """A ring, and between its two halves every node with the two that lie across."""
    ring = [(node, (node + 1) % nodes) for node in range(nodes)]
    chords = [(node, nodes + across - node) for node in range(1, nodes // 2) for across in (-1, 1)]
    return ring + [(one, other) for one, other in chords if other < nodes]


@task
def crossed_ring(*, nodes: Even = 10) -> Task:
    """Crossed ring: ring transfer with chords that add ways and shorten none (Di Giovanni et al., 2023).

    Options:
        nodes: of the ring; the signal travels half as far, through as many layers
    """
    return transfer(nodes, crossed(nodes), target=nodes // 2, layers=nodes // 2)
