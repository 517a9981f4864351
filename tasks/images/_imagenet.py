"""The data, networks and training recipes of tasks in the layout of ImageNet."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Download, Recipe, Splits, carved, shortened

from ._augmentation import IMAGENET, Normalise, ResizedCrop, middle
from ._classification import Labelled, evaluate
from ._image_folder import class_folders, listed, pixels_of
from ._imagenet_starts import lite0, scaled_for
from ._pictures import Pictures

Source = Literal["openlth", "rigl", "granet"]
IMAGENETTE = "https://s3.amazonaws.com/fast-ai-imageclas"
SMOKE = 10
"""Steps of the smoke budget."""

EVALUATED = 250
"""Number of images evaluated at once. A thousand of 224 pixels would take gigabytes."""


class Known(NamedTuple):
    """Numbers of classes and of training images."""

    classes: int
    images: int


KNOWN = {
    "imagenette-96": Known(10, 5_000),
    "imagenette2": Known(10, 9_469),
    "imagenette2-320": Known(10, 9_469),
    "imagenette2-160": Known(10, 9_469),
    "imagenet": Known(1_000, 1_281_167),
}
"""Known folders, for which the numbers of classes and images need no options."""

DOWNLOADS = {
    "imagenette2": "md5:fe2fc210e6bb7c5664d602c3cd71e612",
    "imagenette2-320": "md5:3df6f0d01a2c9592104656642f5e78a3",
    "imagenette2-160": "md5:e793b78cc4c9e9a4ccc0c1155377a412",
}
"""Folders that can be downloaded as .tgz, with torchvision's checksums."""


@dataclass(frozen=True)
class Selected:
    """The images of a task.

    Args:
        classes: names of class folders; empty for all.
        known: number of selected classes and of their training images.
        size: edge of the network's input, in pixels.
        stored: edge of the square that images are stored as, in pixels.
    """

    folder: str
    classes: tuple[str, ...]
    known: Known
    size: int
    stored: int

    @property
    def validation(self) -> int:
        """Number of training images held out for validation: a tenth, at most 50 per class on average."""
        return min(self.known.images // 10, 50 * self.known.classes)

    def load(self, root: Path) -> Splits:
        """Load the splits. The official validation images are the test split; validation is taken from training images.

        Raises:
            ValueError: the numbers of classes or images in the folder differ from the options.
        """
        classes = self.classes or class_folders(root / self.folder / "train")
        training, test = (listed(root / self.folder / split, classes, self.stored) for split in ("train", "val"))
        present = Known(len(set(training.labels.tolist())), len(training.files))
        if present != self.known:
            raise ValueError(
                f"{self.folder}/train has {present.classes} of these classes with {present.images:,} images, the "
                f"options say {self.known.classes} with {self.known.images:,}: "
                f"give classes={'+'.join(self.classes) or present.classes},images={present.images}"
            )
        there = set(test.labels.tolist())
        if lacking := [name for label, name in enumerate(classes) if label not in there]:
            raise ValueError(f"{self.folder}/val has no images of {len(lacking)} classes: {', '.join(lacking)}")
        if not self.classes:
            self._compare(classes, class_folders(root / self.folder / "val"))
        train, validation = carved(len(training.files), self.validation)
        parts = (training.part(train), training.part(validation), test)
        normalise, cpu = Normalise(*IMAGENET), torch.device("cpu")
        pictures = zip(pixels_of(parts), parts, strict=True)
        return Splits(*(Pictures(pixels, part.labels, normalise, cpu) for pixels, part in pictures))

    def _compare(self, training: Sequence[str], test: Sequence[str]) -> None:
        """Raise ValueError if there are images to test of classes that are not trained."""
        if others := [name for name in test if name not in training]:
            raise ValueError(f"{self.folder}/val has classes that {self.folder}/train lacks: {', '.join(others)}")

    @property
    def downloads(self) -> tuple[Download, ...]:
        """Imagenette's archive. ImageNet itself has no downloads, since its terms must be accepted first."""
        name = f"{self.folder}.tgz"
        return (Download(f"{IMAGENETTE}/{name}", name, DOWNLOADS[self.folder]),) if self.folder in DOWNLOADS else ()

    def unpack(self, root: Path) -> None:
        """Unpack the downloaded archives."""
        for download in self.downloads:
            shutil.unpack_archive(root / download.place, root, filter="data")


@dataclass(frozen=True)
class Style:
    """How a source trains: SGD with momentum 0.9, 5 epochs of warm-up, and the rate divided by ten at `falls`.

    Args:
        falls: epochs at which the rate is divided by ten.
        rate: learning rate at a batch of 256, scaled in proportion to the batch size.
        area: smallest share of an image that a training crop covers.
        shape: smallest and largest ratio of width to height of a training crop.
        smoothing: label smoothing in the training loss.
        decay_norms: whether weight decay also applies to batch norm.
    """

    epochs: int
    falls: tuple[int, ...]
    rate: float
    area: float
    shape: tuple[float, float]
    smoothing: float
    decay_norms: bool = True

    def recipes(self, images: int, batch: int, size: int) -> dict[str, Recipe]:
        """Return a recipe for each budget: `full` is the source's, `short` a tenth of it."""
        epoch = max(1, images // batch)
        full = Recipe(
            steps=self.epochs * epoch,
            batch_size=batch,
            rate=self.rate * batch / 256,
            momentum=0.9,
            weight_decay=1e-4,
            decay_norms=self.decay_norms,
            milestones=tuple(fall * epoch for fall in self.falls),
            warmup=5 * epoch,
            augment=ResizedCrop(size, self.area, self.shape),
        )
        return {
            "smoke": shortened(full, min(SMOKE, full.steps // 10)),
            "short": shortened(full, full.steps // 10),
            "full": full,
        }


STYLES: Mapping[Source, Style] = {
    "openlth": Style(90, (30, 60, 80), rate=0.1, area=0.1, shape=(0.8, 1.25), smoothing=0.0),
    "rigl": Style(100, (30, 70, 90), rate=0.1, area=0.08, shape=(3 / 4, 4 / 3), smoothing=0.1),
    "granet": Style(100, (30, 60, 90), rate=0.2, area=0.08, shape=(3 / 4, 4 / 3), smoothing=0.1, decay_norms=False),
}


def models(classes: int) -> dict[str, Callable[[], nn.Module]]:
    """Return torchvision's networks, untrained, and one of timm. At 96 pixels, ResNet's first block gets 24 by 24."""
    return {
        "resnet-18": partial(_network, "resnet18", classes),
        "resnet-34": partial(_network, "resnet34", classes),
        "resnet-50": partial(_network, "resnet50", classes),
        "mobilenet-v2": partial(_network, "mobilenet_v2", classes),
        "efficientnet-lite0": partial(lite0, classes),
    }


def _network(name: str, classes: int) -> nn.Module:
    """One of torchvision's networks, untrained."""
    from torchvision import models as networks  # which takes seconds to import

    network: nn.Module = getattr(networks, name)(num_classes=classes)
    return network


def logits(model: nn.Module, batch: Labelled, *, size: int) -> tuple[Tensor, Tensor]:
    """Return the outputs for the centre crop of each image, which is all of a training crop, and the labels."""
    images, labels = batch
    return model(scaled_for(model, middle(images, size))), labels


def smoothed(model: nn.Module, batch: Labelled, *, size: int, smoothing: float) -> Tensor:
    """Return the mean cross-entropy of `logits`."""
    return F.cross_entropy(*logits(model, batch, size=size), label_smoothing=smoothing)


def measured(model: nn.Module, batches: Iterable[Labelled], *, size: int) -> dict[str, float]:
    """Return top-1 accuracy and mean cross-entropy, without smoothing, on the centre crop of each image."""
    return evaluate(model, _cropped(model, batches, size))


def _cropped(model: nn.Module, batches: Iterable[Labelled], size: int) -> Iterator[Labelled]:
    for images, labels in batches:
        cropped = scaled_for(model, middle(images, size))
        yield from zip(torch.split(cropped, EVALUATED), torch.split(labels, EVALUATED), strict=True)
