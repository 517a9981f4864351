"""Digits: 1,797 handwritten digits of 8 by 8 pixels, embedded in scikit-learn (Alpaydin & Kaynak, 1998)."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

from torch import nn

from benchmark import Task

from ._classification import METRICS, cross_entropy, evaluate, logits
from ._digits import DEVIATION, EPOCH, MEAN, load, sgd
from ._models import glorot, mlp, scaled
from ._pairs import paired
from ._timm import zoo


def cnn(width: float = 1.0) -> nn.Module:
    """Two convolutions and two linear layers, 42,768 weights."""
    first, second, third = (scaled(units, width) for units in (16, 32, 72))
    layers: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(1, first, 3, padding=1)),
        ("relu1", nn.ReLU()),
        ("conv2", nn.Conv2d(first, second, 3, padding=1)),
        ("relu2", nn.ReLU()),
        ("pool", nn.MaxPool2d(2)),
        ("flatten", nn.Flatten()),
        ("fc1", nn.Linear(16 * second, third)),
        ("relu3", nn.ReLU()),
        ("fc2", nn.Linear(third, 10)),
    ]
    return glorot(nn.Sequential(OrderedDict(layers)))


pairs = partial(paired, shift=MEAN / DEVIATION, widths=(64, 100, 50, 10))
"""Constructors of `pairs:16`: the perceptron with 16 random units of every input before each layer."""

digits = Task(
    models={"mlp": partial(mlp, 64, 100, 50, 10), "cnn": cnn},
    recipes={
        "smoke": sgd(steps=2 * EPOCH),
        "short": sgd(steps=30 * EPOCH, milestones=(15 * EPOCH, 23 * EPOCH)),
        "full": sgd(steps=120 * EPOCH, milestones=(60 * EPOCH, 90 * EPOCH)),
    },
    data=load,
    loss=cross_entropy,
    evaluate=evaluate,
    metrics=METRICS,
    model_zoos=zoo(classes=10, channels=1, size=8) | {"pairs": pairs},
    logits=logits,
)
