"""The toy task of the contract battery: two hundred points, a small network, a tenth of a second.

It has what pruners trip over: batch norm and its statistics, dropout and its random numbers, biases, and input channels
that not every pattern divides. No leaderboard ever shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.task import Recipe, Splits, Task, TensorData, carve


def _data(folder: Path) -> Splits:
    draw = torch.Generator().manual_seed(0)
    points = torch.randn(320, 6, generator=draw)
    labels = (points[:, 0] * points[:, 1] > points[:, 2]).long()
    rest, test = carve(TensorData(points, labels), 80, seed=1)
    return Splits(*carve(rest, 40, seed=2), test)


def _model() -> nn.Module:
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2)
    )


def _loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def _evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
    right = [(model(points).argmax(dim=1) == labels).double() for points, labels in batches]
    return {"accuracy": float(torch.cat(right).mean())}


toy = Task(
    models={"net": _model},
    recipes={
        budget: Recipe(steps=steps, batch_size=32, rate=0.1, momentum=0.9, weight_decay=1e-4)
        for budget, steps in {"smoke": 24, "short": 120, "full": 240}.items()
    },
    data=_data,
    loss=_loss,
    evaluate=_evaluate,
    metrics={"accuracy": "max"},
)
