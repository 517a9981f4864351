"""The toy task that the contract is tested on: two hundred training points, small networks, a tenth of a second.

Its networks have what pruners tend to get wrong: batch norm and its statistics, dropout and its random numbers, biases,
convolutions, residual connections, and numbers of input channels that some patterns do not divide. It is on no
leaderboard.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.data.splits import Splits
from benchmark.data.tensors import TensorData, carve
from benchmark.training.recipe import Recipe
from benchmark.training.task import Task


def _data(folder: Path) -> Splits:
    draw = torch.Generator().manual_seed(0)
    points = torch.randn(320, 6, generator=draw)
    labels = (points[:, 0] * points[:, 1] > points[:, 2]).long()
    rest, test = carve(TensorData(points, labels), 80, seed=1)
    return Splits(*carve(rest, 40, seed=2), test)


def _net(width: float = 1.0) -> nn.Module:
    n = max(1, round(16 * width))
    return nn.Sequential(
        nn.Linear(6, n), nn.BatchNorm1d(n), nn.ReLU(), nn.Dropout(0.1), nn.Linear(n, n), nn.ReLU(), nn.Linear(n, 2)
    )


class _Block(nn.Module):
    """Two convolutions with batch norm, and a projection as the residual connection around them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, images: Tensor) -> Tensor:
        return F.relu(self.body(images) + self.shortcut(images))


def _residual() -> nn.Module:
    """A residual network, which takes the six numbers as an image of two by three pixels."""
    stem = nn.Sequential(nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2))
    return nn.Sequential(stem, nn.ReLU(), _Block(8, 8), _Block(8, 16), head)


def _logits(model: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return model(batch[0]), batch[1]


def _loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(*_logits(model, batch))


def _evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
    correct = [(model(points).argmax(dim=1) == labels).double() for points, labels in batches]
    return {"accuracy": float(torch.cat(correct).mean())}


toy = Task(
    models={"net": _net, "residual": _residual},
    recipes={
        budget: Recipe(steps=steps, batch_size=32, rate=0.1, momentum=0.9, weight_decay=1e-4)
        for budget, steps in {"smoke": 24, "short": 120, "full": 240}.items()
    },
    data=_data,
    loss=_loss,
    evaluate=_evaluate,
    metrics={"accuracy": "max"},
    logits=_logits,
)
