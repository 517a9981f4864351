"""The digits that scikit-learn brings, read without importing it, which takes longer than to train on them."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmark import Recipe, Splits, TensorData, carve

from ._classification import check_labels

SHAPE = 1797, 8, 8

EPOCH = 1257 // 64


def read() -> tuple[Tensor, Tensor]:
    """The images, float64 [1797, 8, 8] with whole numbers from 0 to 16, and their labels, int64 [1797].

    Raises:
        ValueError: the file has something else.
    """
    found = find_spec("sklearn")
    assert found is not None
    assert found.origin is not None
    file = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
    values = torch.from_numpy(np.loadtxt(file, delimiter=","))
    images, labels = values[:, :-1].reshape(-1, *SHAPE[1:]), values[:, -1].long()
    check_labels("scikit-learn's digits", len(images), labels, classes=10)
    if images.shape != SHAPE:
        raise ValueError(f"scikit-learn's digits have the shape {tuple(images.shape)}, not 1,797 images of 8 x 8")
    return images, labels


MEAN, DEVIATION = 4.88, 6.02


def load(folder: Path) -> Splits:
    """Split the images: 1,257 for training, 180 for validation, 360 for test."""
    images, labels = read()
    data = TensorData(images.to(torch.uint8).unsqueeze(1), labels, normalise)
    rest, test = carve(data, 360, seed=1)
    train, validation = carve(rest, 180, seed=2)
    return Splits(train, validation, test)


def normalise(pixels: Tensor) -> Tensor:
    """Normalise pixels from 0 to 16 to a mean of about 0 and a standard deviation of about 1."""
    return (pixels.float() - MEAN) / DEVIATION


sgd = partial(Recipe, batch_size=64, rate=0.05, momentum=0.9, weight_decay=5e-4)
