"""Braess: the eight nodes on which removing an edge widens the spectral gap (Jamadandi et al., 2024, figure 1)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch_geometric.data import Data as Graph

from benchmark import Recipe, Splits, Task, task

from ..graphs.data import GraphData, cross_entropy, evaluate, logits
from ..graphs.diagnosis import diagnose
from ..images._classification import METRICS
from ._models import plain

RING = tuple((node, (node + 1) % 8) for node in range(8))
GRAPHS = {
    "minus": RING,
    "base": (*RING, (0, 3)),
    "plus": (*RING, (0, 3), (0, 5)),
    "tilde": (*RING, (0, 3), (4, 7)),
}
LABELS = torch.tensor([1, 1, 0, 0, 0, 0, 1, 1])


@task
def braess(*, graph: Literal["base", "minus", "plus", "tilde"] = "base") -> Task:
    """Braess: the eight nodes on which removing an edge widens the spectral gap (Jamadandi et al., 2024, figure 1).

    Every example is the same graph, with features drawn from N(+1, 1) at nodes 0, 1, 6, 7 and from N(-1, 1) at the
    others. The network predicts the class of every node. Removing {0, 3} from `base` gives `minus`, with a wider gap.

    Options:
        graph: base (ring and {0, 3}), minus (the ring), plus (base and {0, 5}), tilde (base and {4, 7})
    """
    adam = partial(Recipe, batch_size=32, rate=0.01, optimizer="adam")
    return Task(
        models=plain(1, 2, layers=2, units=64, dropout=0.0),
        recipes={"smoke": adam(steps=20), "short": adam(steps=100), "full": adam(steps=500)},
        data=partial(draw, GRAPHS[graph]),
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
        prunes=frozenset({"weights", "edges"}),
        diagnose=diagnose,
        logits=logits,
    )


def draw(edges: tuple[tuple[int, int], ...], folder: Path) -> Splits:
    """Draw features: 500 examples for training, 100 for validation, 500 for test."""
    draw = torch.Generator().manual_seed(0)

    def example() -> Graph:
        x = (2.0 * LABELS - 1 + torch.randn(8, generator=draw)).unsqueeze(1)
        return Graph(x=x, edge_index=torch.tensor(edges).t(), y=LABELS, num_nodes=8)

    return Splits(*(GraphData.of([example() for _ in range(count)]) for count in (500, 100, 500)))
