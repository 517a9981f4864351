"""The toy task for methods that learn part by part: a hundred points in each of three parts, two classes each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.data.splits import Splits
from benchmark.data.tensors import TensorData
from benchmark.training.recipe import Recipe
from benchmark.training.stream import Stream, before_last_layer, by_class
from benchmark.training.task import Task

PARTS, CLASSES = 3, 2

_stream = Stream(by_class(CLASSES), CLASSES)


def _split(size: int, seed: int) -> TensorData:
    draw = torch.Generator().manual_seed(seed)
    points = torch.randn(PARTS * size, 6, generator=draw)
    part = torch.arange(PARTS).repeat_interleave(size)
    right = points.gather(1, part.view(-1, 1)).squeeze(1) * points[:, 5] > 0  # each part looks at another number
    labels = CLASSES * part + right.long()
    order = labels.argsort(stable=True)
    return TensorData(points[order], labels[order])


def _data(folder: Path) -> Splits:
    return Splits(_split(100, seed=0), _split(20, seed=1), _split(40, seed=2))


def _net(width: float = 1.0) -> nn.Module:
    n = max(1, round(16 * width))
    return nn.Sequential(nn.Linear(6, n), nn.ReLU(), nn.Linear(n, n), nn.ReLU(), nn.Linear(n, PARTS * CLASSES))


def _logits(model: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return _stream.own(model(batch[0]), batch[1])


def _loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(*_logits(model, batch))


def _evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
    correct = [(own.argmax(dim=1) == labels).double() for own, labels in (_logits(model, batch) for batch in batches)]
    return {"accuracy": float(torch.cat(correct).mean())}


toy_stream = Task(
    models={"stream": _net},
    recipes={
        budget: Recipe(steps=steps, batch_size=32, rate=0.1, momentum=0.9, weight_decay=1e-2)
        for budget, steps in {"smoke": 24, "short": 120, "full": 240}.items()
    },
    data=_data,
    loss=_loss,
    evaluate=_evaluate,
    metrics={"accuracy": "max"},
    prunable=before_last_layer,
    stream=_stream,
)
