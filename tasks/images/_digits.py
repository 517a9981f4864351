"""The digits that scikit-learn brings, read without importing it, which takes longer than to train on them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ._classification import check_labels

SHAPE = 1797, 8, 8


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
