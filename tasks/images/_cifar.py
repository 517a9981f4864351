"""The networks and training recipes of CIFAR-10 and CIFAR-100, from papers on pruning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torchvision import datasets

from benchmark import DataSource, Download, Recipe, Splits, Task, TensorData, carve, shortened

from . import _cifar_models as networks
from ._augmentation import IMAGENET, Channels, Normalise, ShiftAndFlip
from ._classification import METRICS, cross_entropy, evaluate
from ._timm import zoo

Source = Literal["openlth", "renda", "synflow", "granet", "rigl"]

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
        "resnet-32": partial(networks.resnet, 32, classes, scale),
        "resnet-56": partial(networks.resnet, 56, classes, scale),
        "resnet-18": partial(networks.resnet18, classes, scale),
        "resnet-50": partial(networks.resnet50, classes, scale),
        "wrn-22-2": partial(networks.wide_resnet, 22, 2, classes, scale),
        "vgg-16-bn": partial(networks.vgg, 16, classes, scale),
        "vgg-19-bn": partial(networks.vgg, 19, classes, scale),
        "conv-2": partial(networks.conv, 2, classes),
        "conv-4": partial(networks.conv, 4, classes),
        "conv-6": partial(networks.conv, 6, classes),
    }


def cifar(data_set: type[datasets.CIFAR10], classes: int, statistics: tuple[Channels, Channels], style: Style) -> Task:
    """Return the task of torchvision's CIFAR-10 or CIFAR-100, trained in a style."""
    normalise = Normalise(*(style.statistics or statistics))
    augment = ShiftAndFlip(padding=4, fill=None if style.reflect else normalise.black)
    constructors = models(classes, style.scale)
    residual = [name for name in constructors if name.startswith(("resnet", "wrn"))] if style.residual else []
    model_recipes = {name: _budgets(replace(style.residual, augment=augment)) for name in residual if style.residual}
    return Task(
        models=constructors,
        recipes=_budgets(replace(style.recipe, augment=augment)),
        model_recipes=model_recipes | {name: _budgets(recipe) for name, recipe in PLAIN.items()},
        data=DataSource(
            partial(_load, data_set, normalise),
            files=tuple(_checksums(data_set)),
            fetch=partial(_unpack, data_set),
            downloads=(Download(data_set.url, data_set.filename, f"md5:{data_set.tgz_md5}"),),
            checksums=_checksums(data_set),
        ),
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
        model_zoos=zoo(classes, channels=3, size=32),
    )


def _budgets(full: Recipe) -> dict[str, Recipe]:
    return {"smoke": shortened(full, SMOKE), "short": shortened(full, full.steps // 10), "full": full}


def _load(data_set: type[datasets.CIFAR10], normalise: Normalise, folder: Path) -> Splits:
    """Split the standard 50,000 training images into 45,000 and 5,000 for validation; test on the standard 10,000."""
    train, test = (_tensors(data_set(folder, train=train, download=False), normalise) for train in (True, False))
    return Splits(*carve(train, VALIDATION), test)


def _tensors(images: datasets.CIFAR10, normalise: Normalise) -> TensorData:
    pixels = torch.from_numpy(images.data).permute(0, 3, 1, 2).contiguous()
    return TensorData(pixels, torch.tensor(images.targets), normalise)


def _unpack(data_set: type[datasets.CIFAR10], folder: Path) -> None:
    data_set(folder, download=True)


def _checksums(data_set: type[datasets.CIFAR10]) -> dict[str, str]:
    """Return torchvision's checksums, by file."""
    meta = (data_set.meta["filename"], data_set.meta["md5"])
    known = (*data_set.train_list, *data_set.test_list, meta)
    return {f"{data_set.base_folder}/{name}": f"md5:{digest}" for name, digest in known}
