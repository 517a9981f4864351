"""MNIST: where it comes from, how it is read, and the recipe of OpenLTH."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import Tensor

from benchmark import DataSource, Download, Recipe, Splits, TensorData, carve

from ._classification import check_labels
from ._idx import read_idx

EPOCH = 55_000 // 128

Change = Callable[[TensorData], TensorData]
MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""Checksums of the unpacked files."""

HOST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
ARCHIVES = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
"""Checksums of the archives, and where they are, as torchvision has them."""

SIZES = {"train": 60_000, "t10k": 10_000}


def load(folder: Path, change: Change = lambda data: data) -> Splits:
    """Split the standard 60,000 training images into 55,000 and 5,000 for validation; test on the standard 10,000.

    Args:
        change: of each split.
    """
    train, test = (_read(folder / "MNIST" / "raw", part) for part in SIZES)
    return Splits(*(change(data) for data in (*carve(train, 5_000), test)))


def _read(folder: Path, part: str) -> TensorData:
    images, labels = (
        read_idx(folder / f"{part}-{kind}-ubyte", int(kind[-1])) for kind in ("images-idx3", "labels-idx1")
    )
    where = f"{folder}/{part}-*"
    check_labels(where, len(images), labels, classes=10)
    if images.shape != (SIZES[part], 28, 28):
        shape = " x ".join(f"{size:,}" for size in images.shape)
        raise ValueError(f"{where}: {shape} pixels; MNIST has {SIZES[part]:,} images of 28 x 28 there")
    return TensorData(images.unsqueeze(1), labels.long(), normalise)


def _unpack(folder: Path) -> None:
    """Unpack the downloaded archives beside themselves."""
    for name in MD5:
        file = folder / "MNIST" / "raw" / name
        with gzip.open(f"{file}.gz") as packed, file.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)


def normalise(pixels: Tensor) -> Tensor:
    """Normalise bytes to mean 0 and standard deviation 1, with the training set's .1307 and .3081."""
    return (pixels.float() - 0.1307 * 255) / (0.3081 * 255)


SOURCE = DataSource(
    load,
    files=tuple(f"MNIST/raw/{name}" for name in MD5),
    fetch=_unpack,
    downloads=tuple(
        Download(f"{HOST}{name}", f"MNIST/raw/{name}", f"md5:{digest}") for name, digest in ARCHIVES.items()
    ),
    checksums={f"MNIST/raw/{name}": f"md5:{digest}" for name, digest in MD5.items()},
)

sgd = partial(Recipe, batch_size=128, rate=0.1)

OPENLTH = {"smoke": sgd(steps=50), "short": sgd(steps=4 * EPOCH), "full": sgd(steps=40 * EPOCH)}
"""The recipes of Frankle et al. (2020), plain SGD, by budget."""
