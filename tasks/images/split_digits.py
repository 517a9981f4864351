from __future__ import annotations

from functools import partial
from pathlib import Path

from torch import Tensor

from benchmark import Recipe, Splits, Task, TensorData, carve, task

from . import _digits
from ._classification import METRICS, cross_entropy, evaluate
from ._models import mlp
from ._streams import streamed

EPOCH = 1257 // 64


def load(folder: Path) -> Splits:
    """Split the images as the task `digits` does: 1,257 for training, 180 for validation, 360 for test."""
    images, labels = _digits.read()
    rest, test = carve(TensorData(images.byte().unsqueeze(1), labels, centred), 360, seed=1)
    return Splits(*carve(rest, 180, seed=2), test)


def centred(pixels: Tensor) -> Tensor:
    """Pixels from 0 to 16 with a mean of about 0 and a standard deviation of about 1."""
    return (pixels.float() - 4.88) / 6.02


sgd = partial(Recipe, batch_size=64, rate=0.05, momentum=0.9, weight_decay=5e-4)


@task
def split_digits() -> Task:
    """Split digits: scikit-learn's handwritten digits, two classes at a time (after Zenke et al., 2017)."""
    whole = Task(
        models={"mlp": partial(mlp, 64, 100, 100, 10)},
        recipes={"smoke": sgd(steps=2 * EPOCH), "short": sgd(steps=30 * EPOCH), "full": sgd(steps=120 * EPOCH)},
        data=load,
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
    )
    return streamed(whole, classes=2)
