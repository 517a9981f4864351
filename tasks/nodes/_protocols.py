"""Node classification on one graph: data, splits, and the protocols of published results.

Published protocols test the weights of the step with the best validation score. This benchmark tests the weights of the
last step, once, which alone makes results differ from published ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data as Graph
from torch_geometric.utils import to_scipy_sparse_matrix

from benchmark import DataSource, Recipe, Splits, Task

from ..graphs.data import for_nodes, inputs
from ..graphs.diagnosis import diagnose
from ._models import plain, residual
from ._sources import Source

Number = Literal["seed", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
"""Type of the option `split`: one of ten splits by number, or `seed` to let the seed choose."""

Layers = Annotated[int, Field(ge=0, description="whole number >= 0")]
"""Type of the option `layers`: number of layers; 0 for that of the protocol."""


@dataclass(frozen=True)
class Paper:
    """The settings of a plain GCN in Jamadandi et al. (2024, table 19), which uses splits of 60, 20 and 20 %."""

    rate: float
    width: int
    dropout: float
    layers: int = 2


def published(source: Source, split: Number, folder: Path, seed: int) -> Splits:
    """Return the published split with that number; with `split="seed"`, the seed chooses it."""
    graph = source.read(folder)
    number = seed % graph.masks.shape[1] if split == "seed" else int(split)
    return Splits(*(for_nodes(graph, mask) for mask in graph.masks[:, number]))


def drawn(source: Source, split: Number, folder: Path, seed: int) -> Splits:
    """Return a random split of the largest connected component into 60, 20 and 20 % of the nodes."""
    graph = largest(source.read(folder))
    number = seed if split == "seed" else int(split)
    order = torch.randperm(graph.num_nodes, generator=torch.Generator().manual_seed(number))
    masks = torch.zeros(3, graph.num_nodes, dtype=torch.bool)
    for mask, part in zip(masks, np.split(order.numpy(), [int(0.6 * len(order)), int(0.8 * len(order))]), strict=True):
        mask[part] = True
    return Splits(*(for_nodes(graph, mask) for mask in masks))


def largest(graph: Graph) -> Graph:
    """Return the largest connected component."""
    _, component = connected_components(to_scipy_sparse_matrix(graph.edge_index, num_nodes=graph.num_nodes), False)
    return graph.subgraph(torch.from_numpy(component == np.bincount(component).argmax()))


# --- the protocols ----------------------------------------------------------------------------------------------------


def platonov(
    source: Source, layers: int, split: Number, *, rate: float = 3e-5, dropout: float = 0.2, width: int = 512
) -> Task:
    """Return a task with residual networks, 1,000 steps of AdamW and the published splits (Platonov et al., 2023).

    The paper chooses 1 to 5 layers on validation; here 0 means 5. The shorter budgets use a rate of 1e-3.
    """
    step = partial(Recipe, batch_size=1, optimizer="adamw")
    recipes = {
        "smoke": step(steps=3, rate=1e-3),
        "short": step(steps=30, rate=1e-3, warmup=5, cosine=True),
        "full": step(steps=1000, rate=rate),
    }
    networks = residual(source.features, source.outputs, layers or 5, width, dropout)
    return _task(source, networks, recipes, partial(published, source, split))


def jamadandi(source: Source, layers: int, split: Number, paper: Paper) -> Task:
    """Return a task with plain networks, 100 steps of Adam and random splits (Jamadandi et al., 2024)."""
    step = partial(Recipe, batch_size=1, optimizer="adam", rate=paper.rate, weight_decay=5e-4)
    recipes = {"smoke": step(steps=5), "short": step(steps=50), "full": step(steps=100)}
    networks = plain(source.features, source.outputs, layers or paper.layers, paper.width, paper.dropout)
    return _task(source, networks, recipes, partial(drawn, source, split))


def ugs(source: Source, layers: int, rate: float, decay: float) -> Task:
    """Return a task with plain networks of 512 units, 200 steps of Adam and the public split (Chen et al., 2021)."""
    step = partial(Recipe, batch_size=1, optimizer="adam", rate=rate, weight_decay=decay)
    recipes = {"smoke": step(steps=5), "short": step(steps=50), "full": step(steps=200)}
    networks = plain(source.features, source.outputs, layers or 2, 512, 0.5, bias=False)
    return _task(source, networks, recipes, partial(published, source, "0"))


def _task(
    source: Source,
    models: Mapping[str, Callable[[], nn.Module]],
    recipes: Mapping[str, Recipe],
    splits: partial[Splits],
) -> Task:
    ranks = source.outputs == 1
    return Task(
        models=models,
        recipes=recipes,
        data=DataSource(
            partial(splits, seed=0),
            files=source.files,
            fetch=source.fetch,
            downloads=source.downloads,
            checksums=source.checksums,
            split_of_seed=splits,
        ),
        loss=loss,
        evaluate=ranking if ranks else classification,
        metrics={"roc_auc" if ranks else "accuracy": "max", "loss": "min"},
        prunes=frozenset({"weights", "edges"}),
        diagnose=diagnose,
        logits=None if ranks else logits,
    )


# --- training and measuring -------------------------------------------------------------------------------------------


def loss(model: nn.Module, batch: Graph) -> Tensor:
    """Return the mean cross-entropy over the nodes of the split; the logistic loss for a single output."""
    return _loss(*logits(model, batch))


def classification(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """Return top-1 accuracy and loss over the nodes of the split."""
    (batch,) = batches
    outputs, labels = logits(model, batch)
    right = float((outputs.argmax(dim=1) == labels).double().mean())
    return {"accuracy": right, "loss": float(_loss(outputs.double(), labels))}


def ranking(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """Return the area under the ROC curve and the loss over the nodes of the split."""
    (batch,) = batches
    outputs, labels = logits(model, batch)
    area = roc_auc_score(labels.cpu().numpy(), outputs.squeeze(1).cpu().numpy())
    return {"roc_auc": float(area), "loss": float(_loss(outputs.double(), labels))}


def logits(model: nn.Module, batch: Graph) -> tuple[Tensor, Tensor]:
    """Return the outputs for the nodes of the split, and their labels."""
    return model(**inputs(batch))[batch.rows], batch.y[batch.rows]


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits.squeeze(1), labels.to(logits.dtype))
    return F.cross_entropy(logits, labels)
