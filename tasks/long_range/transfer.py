"""Transfer tasks: a class is written on one node and read on another, far away (Di Giovanni et al., 2023).

Features are ones, except zeros at the node that is read and the one-hot class at the node that is written. There are
only as many distinct examples as classes, so the tasks test whether a signal arrives, not generalisation. Chance is
1 in 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F
from torch_geometric.data import Data as Graph

from benchmark import Count, Doc, Recipe, Splits, Task, task

from ..graphs.data import GraphData, cross_entropy, evaluate, logits
from ..graphs.diagnosis import diagnose
from ..graphs.models import LAYERS, GraphNet, Head, Normed, unchanged
from ..images._classification import METRICS
from ..images._models import scaled

CLASSES = 5
Pair = tuple[int, int]
Even = Annotated[int, Field(ge=4, multiple_of=2, description="even number >= 4")]
Ring = Annotated[
    Even, Doc("number of nodes in the ring; the signal travels half as many steps, through as many layers")
]
Halves = Annotated[
    Even, Doc("number of nodes, half in the clique, half on the path; the signal travels through nodes / 2 + 1 layers")
]
Arity = Annotated[Count, Doc("children of every inner node")]
Depth = Annotated[Count, Doc("edges from the root to a leaf, and layers")]


# --- the tasks --------------------------------------------------------------------------------------------------------


@task
def ring_transfer(*, nodes: Ring = 10) -> Task:
    """Ring transfer: a class is written on one node of a ring and read on the opposite one (Di Giovanni et al., 2023).

    The signal has two paths of equal length.
    """
    return transfer(nodes, ring(nodes), target=nodes // 2, layers=nodes // 2)


@task
def crossed_ring(*, nodes: Ring = 10) -> Task:
    """Crossed ring: ring transfer with chords that add ways and shorten none (Di Giovanni et al., 2023)."""
    return transfer(nodes, crossed(nodes), target=nodes // 2, layers=nodes // 2)


@task
def clique_path(*, nodes: Halves = 10) -> Task:
    """Clique path: a class is written at the end of a path and read in a clique (Di Giovanni et al., 2023)."""
    return transfer(nodes, lollipop(nodes), target=nodes - 1, layers=nodes // 2 + 1)


@task
def tree_transfer(*, arity: Arity = 2, depth: Depth = 4) -> Task:
    """Tree transfer: a class is written on the last leaf of a tree and read at its root (Di Giovanni et al., 2023)."""
    edges = tree(arity, depth)
    return transfer(len(edges) + 1, edges, target=len(edges), layers=depth)


# --- their graphs -----------------------------------------------------------------------------------------------------


def ring(nodes: int) -> list[Pair]:
    """Return the edges of a ring."""
    return [(node, (node + 1) % nodes) for node in range(nodes)]


def crossed(nodes: int) -> list[Pair]:
    """Return the edges of a ring, with chords from every node to the two on the other side."""
    chords = [(node, nodes + across - node) for node in range(1, nodes // 2) for across in (-1, 1)]
    return ring(nodes) + [(i, j) for i, j in chords if j < nodes]


def lollipop(nodes: int) -> list[Pair]:
    """Return the edges of a clique on the first half of the nodes and a path on the other, connected to it."""
    half = nodes // 2
    clique = [(i, j) for j in range(half) for i in range(j)]
    return clique + [(node - 1, node) for node in range(half, nodes)]


def tree(arity: int, depth: int) -> list[Pair]:
    """Return the edges of a tree, as (parent, child), level by level. The last node is the last leaf."""
    inner = sum(arity**level for level in range(depth))
    return [(node, arity * node + child) for node in range(inner) for child in range(1, arity + 1)]


# --- what they share --------------------------------------------------------------------------------------------------


def transfer(nodes: int, edges: Sequence[Pair], target: int, layers: int) -> Task:
    """Return the task of reading at node 0 the class written at node `target`."""
    epoch = 5000 // 128
    adam = partial(Recipe, batch_size=128, rate=1e-3, optimizer="adam", weight_decay=5e-4)
    return Task(
        models={name: partial(reader, name, CLASSES, layers) for name in ("gcn", "gin", "sage")},
        recipes={"smoke": adam(steps=10), "short": adam(steps=5 * epoch), "full": adam(steps=100 * epoch)},
        data=partial(draw, nodes, tuple(edges), target),
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
        prunes=frozenset({"weights", "edges"}),
        diagnose=diagnose,
        logits=logits,
    )


def draw(nodes: int, edges: Sequence[Pair], target: int, folder: Path) -> Splits:
    """Return 5,000 graphs for training, 500 for validation and 500 for test, of balanced and shuffled classes."""
    ends = torch.tensor(edges).t()

    def graph(label: int) -> Graph:
        x = torch.ones(nodes, CLASSES)
        x[0] = 0
        x[target] = F.one_hot(torch.tensor(label), CLASSES).float()
        return Graph(x=x, edge_index=ends, y=torch.tensor([label]), num_nodes=nodes)

    kinds = GraphData.of([graph(label) for label in range(CLASSES)], target="graph")
    order = torch.arange(6000)[torch.randperm(6000, generator=torch.Generator().manual_seed(0))] % CLASSES
    return Splits(*(kinds.select(part) for part in (order[:5000], order[5000:5500], order[5500:])))


def reader(kind: str, features: int, layers: int, *, width: float = 1.0) -> nn.Module:
    """Build a network of layers of 64 units with batch norm and ReLU, read at the first node."""
    units = scaled(64, width)
    blocks = [Normed(LAYERS[kind](units, unchanged, 0.0, residual=False), units, F.relu) for _ in range(layers)]
    return GraphNet(nn.Linear(features, units), None, None, blocks, "first", Head(units, CLASSES, 1, F.relu, 0.0))
