"""Clique path: a class is written at the end of a path and read in a clique (Di Giovanni et al., 2023)."""

from __future__ import annotations

from benchmark import Task
from benchmark.plugins.task import task

from ._transfer import Even, Pair, transfer


def lollipop(nodes: int) -> list[Pair]:
    """A clique on the first half, a path on the other, joined where they meet."""
    half = nodes // 2
    clique = [(one, other) for other in range(half) for one in range(other)]
    return clique + [(node - 1, node) for node in range(half, nodes)]


@task
def clique_path(*, nodes: Even = 10) -> Task:
    """Clique path: a class is written at the end of a path and read in a clique (Di Giovanni et al., 2023).

    Options:
        nodes: half in the clique, half on the path; the signal travels through nodes / 2 + 1 layers
    """
    return transfer(nodes, lollipop(nodes), target=nodes - 1, layers=nodes // 2 + 1)
