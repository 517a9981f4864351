"""Planted partition: communities, known by their edges and by noisy features, with edges between them as noise."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch_geometric.data import Data as Graph

from benchmark import Count, DataSource, Fraction, Positive, Recipe, Splits, Task, task

from ..graphs.data import for_nodes
from ..graphs.diagnosis import diagnose
from ._models import residual
from ._protocols import classification, logits, loss

CLASSES, FEATURES = 4, 16


@task
def planted_partition(
    *, nodes: Count = 400, degree: Positive = 10.0, noise: Fraction = 0.3, signal: Positive = 0.5
) -> Task:
    """Planted partition: communities, known by their edges and by noisy features, with edges between them as noise.

    A stochastic block model with four classes of equal size, drawn anew for every seed. It is specific to prunebench:
    there are no published results.

    Options:
        nodes: number of nodes
        degree: average degree of a node
        noise: expected share of edges between classes; 0.75 carries no information, more is heterophily
        signal: distance of a class's mean feature from 0, relative to noise of 1 in each of the 16 features
    """
    splits = partial(draw, nodes - nodes % CLASSES, degree, noise, signal)
    adam = partial(Recipe, batch_size=1, rate=0.01, optimizer="adam")
    return Task(
        models=residual(FEATURES, CLASSES, layers=2, units=64, dropout=0.2),
        recipes={"smoke": adam(steps=20), "short": adam(steps=100), "full": adam(steps=500)},
        data=DataSource(partial(splits, seed=0), split_of_seed=splits),
        loss=loss,
        evaluate=classification,
        metrics={"accuracy": "max", "loss": "min"},
        prunes=frozenset({"weights", "edges"}),
        diagnose=diagnose,
        logits=logits,
    )


def draw(nodes: int, degree: float, noise: float, signal: float, folder: Path, seed: int) -> Splits:
    """Draw a graph, with 60, 20 and 20 % of its nodes in the splits."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(nodes) % CLASSES
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    size = nodes / CLASSES
    chance = torch.where(same, degree * (1 - noise) / (size - 1), degree * noise / (nodes - size))
    drawn = torch.rand(nodes, nodes, generator=generator) < chance
    means = torch.eye(FEATURES)[:CLASSES] * signal
    x = means[labels] + torch.randn(nodes, FEATURES, generator=generator)
    graph = Graph(x=x, edge_index=drawn.triu(1).nonzero().t(), y=labels, num_nodes=nodes)
    order = torch.randperm(nodes, generator=generator)
    masks = torch.zeros(3, nodes, dtype=torch.bool)
    for mask, part in zip(masks, order.tensor_split((int(0.6 * nodes), int(0.8 * nodes))), strict=True):
        mask[part] = True
    return Splits(*(for_nodes(graph, mask) for mask in masks))
