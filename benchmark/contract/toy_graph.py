"""The toy task for methods that prune edges: a graph of forty nodes in two communities."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data as Graph
from torch_geometric.utils import to_undirected

from benchmark.data.splits import Splits
from benchmark.graphs.edge_weights import edge_weights
from benchmark.training.recipe import Recipe
from benchmark.training.task import Task

NODES, EDGES = 40, 110


@dataclass(frozen=True, eq=False)
class Nodes:
    """A split: the whole graph, with the labels of this split's nodes and -1 for all others."""

    whole: Graph

    def __len__(self) -> int:
        return 1

    @property
    def replayable(self) -> bool:
        return True

    def batch(self, index: Tensor) -> Graph:
        return copy.copy(self.whole)

    def to(self, device: torch.device) -> Nodes:
        return Nodes(copy.copy(self.whole).to(device))

    def graph(self, number: int) -> Graph:
        weights = self.whole.get("edge_weight")
        weighted = {} if weights is None else {"edge_weight": weights.cpu()}
        return Graph(x=self.whole.x.cpu(), edge_index=self.whole.edge_index.cpu(), num_nodes=NODES, **weighted)

    def rewrite(self, edit: Callable[[Any], Any]) -> Nodes:
        edited, after = copy.copy(self.whole), edit(self.graph(0))
        edited.edge_index = after.edge_index.to(self.whole.edge_index.device)
        if (weights := edge_weights(after)) is not None:
            edited.edge_weight = weights.to(self.whole.edge_index.device)
        return Nodes(edited)

    def relabelled(self, draw: torch.Generator) -> Nodes:
        labelled = (self.whole.y >= 0).nonzero().squeeze(1)
        permuted = copy.copy(self.whole)
        order = torch.randperm(len(labelled), generator=draw).to(labelled.device)
        permuted.y = self.whole.y.index_put((labelled,), self.whole.y[labelled[order]])
        return Nodes(permuted)

    @property
    def classes(self) -> None:
        return None

    @property
    def node_classes(self) -> Tensor:
        labels: Tensor = self.whole.y
        return labels

    @property
    def edges(self) -> int:
        return int(self.whole.edge_index.shape[1]) // 2

    @property
    def digest(self) -> str:
        parts = (self.whole.x, self.whole.edge_index, self.whole.y, self.whole.get("edge_weight"))
        there = [part.cpu().numpy().tobytes() for part in parts if part is not None]
        return hashlib.sha256(b"".join(there)).hexdigest()


class Aggregating(nn.Module):
    """Two linear layers, each followed by a mean over the node and its neighbours, weighted if edges have weights."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        units = max(1, round(16 * width))
        self.first, self.second = nn.Linear(4, units), nn.Linear(units, 2)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        weights = x.new_ones(edge_index.shape[1]) if edge_weight is None else edge_weight
        index = torch.cat([edge_index, torch.arange(len(x), device=x.device).expand(2, -1)], dim=1)
        values = torch.cat([weights.to(x.dtype), x.new_ones(len(x))])
        mixing = x.new_zeros(len(x), len(x)).index_put((index[1], index[0]), values, accumulate=True)
        mixing = mixing / mixing.sum(dim=1, keepdim=True)
        logits: Tensor = mixing @ self.second(F.relu(mixing @ self.first(x)))
        return logits


def _data(folder: Path) -> Splits:
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(NODES) % 2
    pairs = torch.randint(NODES, (4 * EDGES, 2), generator=draw)
    same = (y[pairs[:, 0]] == y[pairs[:, 1]]) | (torch.rand(len(pairs), generator=draw) < 0.3)
    pairs = pairs[same & (pairs[:, 0] != pairs[:, 1])][:EDGES]
    ring = torch.stack([torch.arange(NODES), (torch.arange(NODES) + 1) % NODES], dim=1)
    x = torch.randn(NODES, 4, generator=draw) + y.unsqueeze(1)
    edges = to_undirected(torch.cat([pairs, ring]).T.contiguous(), num_nodes=NODES)
    parts = torch.split(torch.randperm(NODES, generator=draw), [20, 10, 10])
    split = [torch.full((NODES,), -1).index_put((part,), y[part]) for part in parts]
    return Splits(*(Nodes(Graph(x=x.clone(), edge_index=edges.clone(), y=labels, num_nodes=NODES)) for labels in split))


def _logits(model: nn.Module, batch: Graph) -> Tensor:
    logits: Tensor = model(batch.x, batch.edge_index, edge_weight=batch.get("edge_weight"))
    return logits


def _loss(model: nn.Module, batch: Graph) -> Tensor:
    return F.cross_entropy(_logits(model, batch), batch.y, ignore_index=-1)


def _evaluate(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    correct = [(_logits(model, b).argmax(dim=1) == b.y)[b.y >= 0].double() for b in batches]
    return {"accuracy": float(torch.cat(correct).mean())}


graph = Task(
    models={"graph": Aggregating},
    recipes={
        budget: Recipe(steps=steps, batch_size=1, rate=0.1, momentum=0.9, weight_decay=1e-4)
        for budget, steps in {"smoke": 12, "short": 60, "full": 120}.items()
    },
    data=_data,
    loss=_loss,
    evaluate=_evaluate,
    metrics={"accuracy": "max"},
    prunes=frozenset({"weights", "edges"}),
)
