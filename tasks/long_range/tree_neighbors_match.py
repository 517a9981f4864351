"""Tree neighbours match: the value of the leaf whose key the root of a tree asks for (Alon & Yahav, 2021)."""

from __future__ import annotations

from functools import partial
from math import factorial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data as Graph

from benchmark import Recipe, Splits, Task, task

from ..graphs.data import GraphData, cross_entropy, evaluate, logits
from ..graphs.diagnosis import diagnose
from ..graphs.messages import Edges
from ..graphs.models import LAYERS, Embeddings, GraphNet, Layer
from ..images._classification import METRICS

Depth = Annotated[int, Field(ge=2, le=8, description="whole number from 2 to 8")]
WIDTH = 32


@task
def tree_neighbors_match(*, depth: Depth = 3) -> Task:
    """Tree neighbours match: the value of the leaf whose key the root asks for (Alon & Yahav, 2021).

    Information from all 2^depth leaves has to pass through the two children of the root. The paper reports accuracy on
    training examples; here methods are ranked on test examples, as in all tasks.

    Options:
        depth: depth of the binary tree, whose edges lead from child to parent; the network has one layer more
    """
    keys = 2**depth
    batch = 64 if depth <= 3 else 1024
    adam = partial(Recipe, batch_size=batch, rate=1e-3, optimizer="adam")
    return Task(
        models={name: partial(network, name, keys, depth + 1) for name in ("gin", "gcn", "sage")},
        recipes={"smoke": adam(steps=10), "short": adam(steps=8000), "full": adam(steps=50_000)},
        data=partial(draw, depth),
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
        prunes=frozenset({"weights", "edges"}),
        diagnose=diagnose,
        logits=logits,
    )


def tree(depth: int) -> tuple[Tensor, Tensor]:
    """Return a full binary tree, numbered depth first: edges from child to parent [2, e], and leaves in order."""
    edges: list[tuple[int, int]] = []
    leaves: list[int] = []

    def grow(node: int, below: int) -> int:
        """Number the subtree of a node. Return the next free number."""
        if not below:
            leaves.append(node)
            return node + 1
        following = node + 1
        for _ in range(2):
            edges.append((following, node))
            following = grow(following, below - 1)
        return following

    grow(0, depth)
    return torch.tensor(edges).t(), torch.tensor(leaves)


def draw(depth: int, folder: Path) -> Splits:
    """Pair every key with up to 1,000 assignments of values; 80 % for training, 10 % for validation, 10 % for test."""
    keys, (edges, leaves) = 2**depth, tree(depth)
    count = min(1000, factorial(keys), 32_000 // keys if depth > 3 else 1000)
    generator = np.random.default_rng(0)
    values: dict[tuple[int, ...], None] = {}
    while len(values) < count:
        values.setdefault(tuple((generator.permutation(keys) + 1).tolist()))
    graphs = [_example(edges, leaves, asked, value) for value in values for asked in range(1, keys + 1)]
    labels = [int(graph.y) for graph in graphs]
    train, rest = train_test_split(np.arange(len(graphs)), test_size=0.2, stratify=labels, random_state=0)
    validation, test = np.array_split(rest, 2)
    data = GraphData.of(graphs, target="graph", directed=True)
    return Splits(*(data.select(torch.from_numpy(part)) for part in (train, validation, test)))


def _example(edges: Tensor, leaves: Tensor, asked: int, values: tuple[int, ...]) -> Graph:
    """Return a graph whose nodes have a key and a value: the root the asked key and 0, leaves theirs, others zeros."""
    x = torch.zeros(len(leaves) * 2 - 1, 2, dtype=torch.int64)
    x[0, 0] = asked
    x[leaves] = torch.stack([torch.arange(1, len(leaves) + 1), torch.tensor(values)], dim=1)
    return Graph(x=x, edge_index=edges, y=torch.tensor([values[asked - 1]]), num_nodes=len(x))


def network(kind: str, keys: int, layers: int) -> nn.Module:
    """Build a network of residual layers of 32 units with layer norm, read at the root without a bias."""
    blocks = [NormedAfter(LAYERS[kind](WIDTH, F.relu, 0.0)) for _ in range(layers)]
    head = nn.Linear(WIDTH, keys + 1, bias=False)
    return GraphNet(Embeddings((keys + 1, keys + 1), WIDTH), None, None, blocks, "first", head)


class NormedAfter(nn.Module):
    """A layer followed by layer norm."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer, self.norm = layer, nn.LayerNorm(WIDTH)

    def forward(
        self, h: Tensor, e: Tensor | None, edges: Edges, weight: Tensor | None, ptr: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        h, e = self.layer(h, e, edges, weight, ptr)
        return self.norm(h), e
