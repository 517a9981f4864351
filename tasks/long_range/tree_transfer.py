"""Tree transfer: a class is written on the last leaf of a tree and read at its root (Di Giovanni et al., 2023)."""

from __future__ import annotations

from benchmark import Task
from benchmark.plugins.options import Count
from benchmark.plugins.task import task

from ._transfer import Pair, transfer


def tree(arity: int, depth: int) -> list[Pair]:
    """Parent and child, level by level; the last node is the last leaf."""
    inner = sum(arity**level for level in range(depth))
    return [(node, arity * node + child) for node in range(inner) for child in range(1, arity + 1)]


@task
def tree_transfer(*, arity: Count = 2, depth: Count = 4) -> Task:
    """Tree transfer: a class is written on the last leaf of a tree and read at its root (Di Giovanni et al., 2023).

    Options:
        arity: children of every inner node
        depth: edges from the root to a leaf, and layers
    """
    edges = tree(arity, depth)
    return transfer(len(edges) + 1, edges, target=len(edges), layers=depth)
