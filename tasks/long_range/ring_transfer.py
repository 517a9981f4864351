"""Ring transfer: a class is written on one node of a ring and read on the opposite one (Di Giovanni et al., 2023)."""

from __future__ import annotations

from benchmark import Task
from benchmark.plugins.task import task

from ._transfer import Even, Pair, transfer


def ring(nodes: int) -> list[Pair]:
    """Every node and the next one."""
    return [(node, (node + 1) % nodes) for node in range(nodes)]


@task
def ring_transfer(*, nodes: Even = 10) -> Task:
    """Ring transfer: a class is written on one node of a ring and read on the opposite one (Di Giovanni et al., 2023).

    Options:
        nodes: of the ring; the signal travels half as far, through as many layers
    """
    return transfer(nodes, ring(nodes), target=nodes // 2, layers=nodes // 2)
