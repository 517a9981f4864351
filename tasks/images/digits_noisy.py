"""Noisy digits: digits of 8 by 8 pixels under noise, so that a good network errs on a quarter of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from benchmark import Recipe, Splits, Task, TensorData, carve

from . import _digits
from ._classification import METRICS, cross_entropy, evaluate, logits
from ._models import mlp
from ._timm import zoo

NOISE = 0.45
"""The standard deviation of the noise; pixels lie in [0, 1]."""

EPOCH = 898 // 64


def load(folder: Path) -> Splits:
    """Split the images: 898 for training, 180 for validation, 719 for test. Each has its own noise, always the same."""
    images, labels = _digits.read()
    clean = images.float().unsqueeze(1) / 16
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    rest, test = carve(TensorData(clean + NOISE * noise, labels), 719, seed=1)
    train, validation = carve(rest, 180, seed=2)
    return Splits(train, validation, test)


sgd = partial(Recipe, batch_size=64, rate=0.05, momentum=0.9)

digits_noisy = Task(
    models={"mlp": partial(mlp, 64, 300, 100, 10)},
    recipes={
        "smoke": sgd(steps=2 * EPOCH),
        "short": sgd(steps=40 * EPOCH),
        "full": sgd(steps=40 * EPOCH),
    },
    data=load,
    loss=cross_entropy,
    evaluate=evaluate,
    metrics=METRICS,
    model_zoos=zoo(classes=10, channels=1, size=8),
    logits=logits,
)
