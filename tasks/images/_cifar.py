"""The networks and training recipes of CIFAR-10 and CIFAR-100: from papers on pruning, and one for CPUs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from benchmark import DataSource, Download, Recipe, Splits, Task, TensorData, carve, read_pickle, shortened

from . import _cifar_models as networks
from ._augmentation import IMAGENET, Channels, Normalise, ShiftAndFlip
from ._classification import METRICS, check_labels, cross_entropy, evaluate, logits
from ._timm import zoo


@dataclass(frozen=True)
class Archive:
    """A set of CIFAR as it is downloaded, with MD5 sums, as torchvision has them.

    Args:
        name: of the archive, without its ending.
        folder: in it.
        train, test, meta: the sums of its files, by name.
    """

    name: str
    md5: str
    folder: str
    train: Mapping[str, str]
    test: Mapping[str, str]
    meta: Mapping[str, str]

    @property
    def file(self) -> str:
        """The archive."""
        return f"{self.name}.tar.gz"

    @property
    def checksums(self) -> dict[str, str]:
        """The sums of all files, by path."""
        known = {**self.train, **self.test, **self.meta}
        return {f"{self.folder}/{name}": f"md5:{digest}" for name, digest in known.items()}


Source = Literal["openlth", "renda", "synflow", "granet", "rigl", "cpu"]

HOST = "https://www.cs.toronto.edu/~kriz/"
VALIDATION = 5_000
EPOCH = (50_000 - VALIDATION) // 128
SMOKE = 30
"""Steps of the smoke budget."""


@dataclass(frozen=True)
class Style:
    """How a source trains.

    Args:
        recipe: the recipe, without augmentation, which is the same for all.
        residual: the recipe of residual networks, if different.
        statistics: mean and standard deviation for normalisation; None for those of the training set.
        reflect: whether images are padded by reflection instead of zeros before they are cropped.
        scale: initial scale of batch norm.
    """

    recipe: Recipe
    residual: Recipe | None = None
    statistics: tuple[Channels, Channels] | None = None
    reflect: bool = False
    scale: networks.Scale = "one"


def _in_epochs(epochs: float, *milestones: float, **how: Any) -> Recipe:
    """Return a recipe of SGD with momentum 0.9 and batches of 128, given lengths in epochs."""
    steps, *places = (round(length * EPOCH) for length in (epochs, *milestones))
    return Recipe(steps=steps, milestones=tuple(places), batch_size=128, momentum=0.9, **how)


STYLES: Mapping[Source, Style] = {
    "openlth": Style(_in_epochs(160, 80, 120, rate=0.1, weight_decay=1e-4), statistics=IMAGENET, scale="uniform"),
    "renda": Style(_in_epochs(182, 91, 136, rate=0.1, weight_decay=2e-4, decay_norms=False)),
    "synflow": Style(
        _in_epochs(160, 60, 120, rate=0.1, weight_decay=1e-4, nesterov=True),
        residual=_in_epochs(160, 60, 120, rate=0.01, gamma=0.2, weight_decay=5e-4, nesterov=True),
    ),
    "granet": Style(_in_epochs(160, 80, 120, rate=0.1, weight_decay=5e-4, nesterov=True), reflect=True),
    "rigl": Style(_in_epochs(250, 77, 154, 230, rate=0.1, gamma=0.2, weight_decay=5e-4, nesterov=True)),
    # Of no paper: ten epochs, which resnet-20-half trains in a quarter of an hour on one core of a CPU.
    "cpu": Style(_in_epochs(10, rate=0.3, cosine=True, warmup=2 * EPOCH, weight_decay=5e-4, nesterov=True)),
}

# The only known recipe for these networks: Adam without augmentation (Frankle & Carbin, 2019).
_adam = partial(Recipe, batch_size=60, optimizer="adam")
PLAIN = {
    "conv-2": _adam(steps=20_000, rate=2e-4),
    "conv-4": _adam(steps=25_000, rate=3e-4),
    "conv-6": _adam(steps=30_000, rate=3e-4),
}


def models(classes: int, scale: networks.Scale) -> dict[str, Callable[[], nn.Module]]:
    """Return constructors of the networks, by name."""
    return {
        "resnet-20": partial(networks.resnet, 20, classes, scale),
        "resnet-20-half": partial(networks.resnet, 20, classes, scale, stem=8),
        "resnet-32": partial(networks.resnet, 32, classes, scale),
        "resnet-56": partial(networks.resnet, 56, classes, scale),
        "resnet-110": partial(networks.resnet, 110, classes, scale),
        "resnet-18": partial(networks.resnet18, classes, scale),
        "wide-resnet-18": partial(networks.resnet18, classes, scale, widen=2),
        "resnet-50": partial(networks.resnet50, classes, scale),
        "wrn-22-2": partial(networks.wide_resnet, 22, 2, classes, scale),
        "vgg-11-bn": partial(networks.vgg, 11, classes, scale),
        "vgg-16-bn": partial(networks.vgg, 16, classes, scale),
        "vgg-19-bn": partial(networks.vgg, 19, classes, scale),
        "conv-2": partial(networks.conv, 2, classes),
        "conv-4": partial(networks.conv, 4, classes),
        "conv-6": partial(networks.conv, 6, classes),
    }


def cifar(archive: Archive, classes: int, statistics: tuple[Channels, Channels], style: Style) -> Task:
    """Return the task of CIFAR-10 or CIFAR-100, trained in a style."""
    normalise = Normalise(*(style.statistics or statistics))
    augment = ShiftAndFlip(padding=4, fill=None if style.reflect else normalise.black)
    constructors = models(classes, style.scale)
    residual = [name for name in constructors if "resnet" in name or name.startswith("wrn")] if style.residual else []
    model_recipes = {name: _budgets(replace(style.residual, augment=augment)) for name in residual if style.residual}
    return Task(
        models=constructors,
        recipes=_budgets(replace(style.recipe, augment=augment)),
        model_recipes=model_recipes | {name: _budgets(recipe) for name, recipe in PLAIN.items()},
        data=DataSource(
            partial(_load, archive, classes, normalise),
            files=tuple(archive.checksums),
            fetch=partial(_unpack, archive),
            downloads=(Download(f"{HOST}{archive.file}", archive.file, f"md5:{archive.md5}"),),
            checksums=archive.checksums,
        ),
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
        model_zoos=zoo(classes, channels=3, size=32),
        logits=logits,
    )


def _budgets(full: Recipe) -> dict[str, Recipe]:
    return {"smoke": shortened(full, SMOKE), "short": shortened(full, full.steps // 10), "full": full}


def _load(archive: Archive, classes: int, normalise: Normalise, folder: Path) -> Splits:
    """Split the standard 50,000 training images into 45,000 and 5,000 for validation; test on the standard 10,000."""
    train, test = (
        _batches([folder / archive.folder / name for name in names], size, classes, normalise)
        for names, size in ((archive.train, 50_000), (archive.test, 10_000))
    )
    return Splits(*carve(train, VALIDATION), test)


def _batches(files: list[Path], size: int, classes: int, normalise: Normalise) -> TensorData:
    """Join the images of some files. Raises ValueError if they hold other than `size` images."""
    pixels, labels = (torch.cat(parts) for parts in zip(*(_batch(file, classes) for file in files), strict=True))
    if len(labels) != size:
        raise ValueError(f"{files[0].parent}: {len(labels):,} images in {len(files)} files; CIFAR has {size:,} there")
    return TensorData(pixels, labels, normalise)


def _batch(file: Path, classes: int) -> tuple[Tensor, Tensor]:
    """Read the images of a file, uint8 [n, 3, 32, 32], and their labels."""
    content = read_pickle(file, encoding="latin1")
    kind = "labels" if classes == 10 else "fine_labels"
    if not isinstance(content, dict) or not {"data", kind} <= content.keys():
        raise ValueError(f"{file} is no batch of CIFAR: it lacks 'data' or '{kind}'")
    pixels, labels = np.asarray(content["data"]), np.asarray(content[kind])
    if pixels.dtype != np.uint8 or pixels.shape[1:] != (3072,) or labels.ndim != 1 or labels.dtype.kind != "i":
        raise ValueError(f"{file}: {pixels.dtype} {pixels.shape} pixels and {labels.dtype} {labels.shape} labels")
    check_labels(str(file), len(pixels), torch.from_numpy(labels).long(), classes)
    return torch.from_numpy(pixels.copy()).view(-1, 3, 32, 32), torch.from_numpy(labels).long()


def _unpack(archive: Archive, folder: Path) -> None:
    """Unpack the downloaded archive."""
    shutil.unpack_archive(folder / archive.file, folder, filter="data")
