from __future__ import annotations

import gzip
import shutil
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from torch import Tensor, nn

from benchmark import Absent, DataSource, Download, Recipe, Splits, Task, TensorData, carve, shortened, task

from ._classification import METRICS, check_labels, cross_entropy, evaluate, logits
from ._idx import read_idx
from ._models import glorot, mlp, scaled
from ._timm import zoo

Source = Literal["openlth", "snip"]

EPOCH = 55_000 // 128
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


def load(folder: Path) -> Splits:
    """Split the standard 60,000 training images into 55,000 and 5,000 for validation; test on the standard 10,000."""
    train, test = (_read(folder / "MNIST" / "raw", part) for part in SIZES)
    return Splits(*carve(train, 5_000), test)


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


def lenet5(width: float = 1.0) -> nn.Module:
    """LeNet-5 as in Caffe: 430,500 weights."""
    first, second, third = (scaled(units, width) for units in (20, 50, 500))
    layers: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(1, first, 5)),
        ("pool1", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(first, second, 5)),
        ("pool2", nn.MaxPool2d(2)),
        ("flatten", nn.Flatten()),
        ("fc1", nn.Linear(16 * second, third)),
        ("relu", nn.ReLU()),
        ("fc2", nn.Linear(third, 10)),
    ]
    return glorot(nn.Sequential(OrderedDict(layers)))


sgd = partial(Recipe, batch_size=128, rate=0.1)

_lee = Recipe(
    steps=100_000, batch_size=100, rate=0.1, momentum=0.9, weight_decay=5e-4, milestones=(25_000, 50_000, 75_000)
)

RECIPES: Mapping[Source, Mapping[str, Recipe]] = {
    "openlth": {"smoke": sgd(steps=50), "short": sgd(steps=4 * EPOCH), "full": sgd(steps=40 * EPOCH)},
    "snip": {"smoke": shortened(_lee, 50), "short": shortened(_lee, 10_000), "full": _lee},
}


@task
def mnist(*, recipe: Annotated[Source, Absent("openlth")] = "openlth") -> Task:
    """MNIST: 70,000 handwritten digits of 28 by 28 pixels (LeCun et al., 1998).

    Options:
        recipe: its source: openlth (Frankle et al.: 40 epochs of plain SGD), or snip (Lee et al., 2019: batches of 100,
            momentum and weight decay, the rate divided by ten every 25,000 steps; the paper does not say how many
            there are, here 100,000)
    """
    return Task(
        models={"lenet-300-100": partial(mlp, 784, 300, 100, 10), "lenet-5": lenet5},
        recipes=RECIPES[recipe],
        data=DataSource(
            load,
            files=tuple(f"MNIST/raw/{name}" for name in MD5),
            fetch=_unpack,
            downloads=tuple(
                Download(f"{HOST}{name}", f"MNIST/raw/{name}", f"md5:{digest}") for name, digest in ARCHIVES.items()
            ),
            checksums={f"MNIST/raw/{name}": f"md5:{digest}" for name, digest in MD5.items()},
        ),
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
        model_zoos=zoo(classes=10, channels=1, size=28),
        logits=logits,
    )
