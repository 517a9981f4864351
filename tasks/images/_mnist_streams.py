"""MNIST for streams: the files that `bench data fetch mnist` brings, and the recipes of its perceptron."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import Tensor

from benchmark import DataSource, Recipe, Splits, Task, TensorData, carve

from ._classification import METRICS, check_labels, cross_entropy, evaluate
from ._idx import read_idx
from ._models import mlp

KINDS = {"images-idx3": 3, "labels-idx1": 1}
SIZES = {"train": 60_000, "t10k": 10_000}
EPOCH = 55_000 // 128

Change = Callable[[TensorData], TensorData]


def mnist(outputs: int, change: Change = lambda data: data, parts: int = 1) -> Task:
    """Return the task of MNIST with a perceptron of so many outputs.

    Args:
        change: of each split.
        parts: as many times as many images there are then; a recipe has as many times as many steps.
    """
    sgd = partial(Recipe, batch_size=128, rate=0.1)
    lengths = {"smoke": 50, "short": 4 * EPOCH, "full": 40 * EPOCH}
    return Task(
        models={"lenet-300-100": partial(mlp, 784, 300, 100, outputs)},
        recipes={budget: sgd(steps=parts * steps) for budget, steps in lengths.items()},
        data=DataSource(
            partial(load, change), files=tuple(f"MNIST/raw/{part}-{kind}-ubyte" for part in SIZES for kind in KINDS)
        ),
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
    )


def load(change: Change, folder: Path) -> Splits:
    """Split as the task `mnist` does: 55,000 for training, 5,000 for validation, the standard 10,000 for test."""
    whole, test = (_read(folder / "MNIST" / "raw", part, size) for part, size in SIZES.items())
    return Splits(*(change(data) for data in (*carve(whole, 5_000), test)))


def _read(folder: Path, part: str, size: int) -> TensorData:
    images, labels = (read_idx(folder / f"{part}-{kind}-ubyte", dimensions) for kind, dimensions in KINDS.items())
    check_labels(f"{folder}/{part}-*", len(images), labels, classes=10)
    if images.shape != (size, 28, 28):
        raise ValueError(f"{folder}/{part}-*: {tuple(images.shape)} pixels; MNIST has {size:,} images of 28 x 28 there")
    return TensorData(images.unsqueeze(1), labels.long(), normalise)


def normalise(pixels: Tensor) -> Tensor:
    """Normalise bytes to mean 0 and standard deviation 1, with the training set's .1307 and .3081."""
    return (pixels.float() - 0.1307 * 255) / (0.3081 * 255)
