"""The files and the networks of Tiny-ImageNet, as its archive and Tanaka et al. (2020) have them."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from benchmark import DataSource, Download, Splits, carved

from ._augmentation import Normalise
from ._cifar_models import VGG
from ._decoding import is_image
from ._image_folder import Listing, pixels_of
from ._models import scaled
from ._pictures import Pictures

FOLDER = "tiny-imagenet-200"
ARCHIVE = Download(
    "http://cs231n.stanford.edu/tiny-imagenet-200.zip", f"{FOLDER}.zip", "md5:90528d7ca1a48142e341f4ef8d21d0de"
)
SIZE = 64
"""Edge of the images, in pixels."""

STATISTICS = Normalise((0.480, 0.448, 0.397), (0.276, 0.269, 0.282))
"""Mean and standard deviation of the training images, by channel, as in the code of Tanaka et al."""


@dataclass(frozen=True)
class Archive:
    """What lies in the archive: `train/CLASS/images/*`, `val/images/*` and `val/val_annotations.txt`.

    Its own test images have no labels, and the validation images are the test split here.

    Args:
        classes: number of classes.
        training: number of training images.
        tested: number of validation images.
    """

    classes: int = 200
    training: int = 100_000
    tested: int = 10_000

    @property
    def source(self) -> DataSource:
        files = ("train", "val/images", "val/val_annotations.txt")
        return DataSource(
            self.load, files=tuple(f"{FOLDER}/{file}" for file in files), fetch=unpack, downloads=(ARCHIVE,)
        )

    def load(self, root: Path) -> Splits:
        """Load the splits: a tenth of the training images become validation.

        Raises:
            ValueError: there are other numbers of classes or images than in the archive, or annotations of others.
        """
        folder = root / FOLDER
        classes = _folders(folder / "train")
        training, test = _training(folder / "train", classes), _annotated(folder / "val", classes)
        found = len(classes), len(training.files), len(test.files)
        if found != (wanted := (self.classes, self.training, self.tested)):
            told = "{} classes, {:,} images in train and {:,} annotated ones in val"
            raise ValueError(f"{folder} has {told.format(*found)}; the archive has {told.format(*wanted)}")
        train, validation = carved(self.training, self.training // 10)
        parts = (training.part(train), training.part(validation), test)
        pictures = zip(pixels_of(parts), parts, strict=True)
        return Splits(*(Pictures(pixels, part.labels, STATISTICS, torch.device("cpu")) for pixels, part in pictures))


def unpack(root: Path) -> None:
    """Unpack the downloaded archive."""
    shutil.unpack_archive(root / ARCHIVE.place, root, format="zip")


def _folders(train: Path) -> list[str]:
    """The classes, sorted. Raises ValueError if there are none."""
    names = sorted(path.name for path in train.iterdir() if (path / "images").is_dir()) if train.is_dir() else []
    if not names:
        raise ValueError(f"{train} has no folders CLASS/images")
    return names


def _training(train: Path, classes: Sequence[str]) -> Listing:
    labelled = [
        (file, label)
        for label, name in enumerate(classes)
        for file in sorted((train / name / "images").iterdir())
        if is_image(file)
    ]
    return _listing(train, labelled)


def _annotated(val: Path, classes: Sequence[str]) -> Listing:
    """The images that `val_annotations.txt` names, a line each: the file and its class, separated by tabs."""
    annotations, number = val / "val_annotations.txt", {name: label for label, name in enumerate(classes)}
    rows = [line.split("\t") for line in annotations.read_text(encoding="utf-8").splitlines()]
    labelled = []
    for row in rows:
        file = val / "images" / Path(row[0]).name
        if len(row) < 2 or row[1] not in number or not file.is_file():
            raise ValueError(f"{annotations} has a line that names no image of a class: {' '.join(row)[:80]!r}")
        labelled.append((file, number[row[1]]))
    return _listing(val, sorted(labelled))


def _listing(root: Path, labelled: Sequence[tuple[Path, int]]) -> Listing:
    return Listing(root, tuple(file for file, _ in labelled), torch.tensor([label for _, label in labelled]), SIZE)


def vgg(depth: int, classes: int, *, width: float = 1.0) -> nn.Module:
    """VGG with batch norm, five poolings and three linear layers with dropout: 18,060,992 weights for 16.

    Initialised as in the code of Tanaka et al.: Kaiming by fan-out, linear layers from N(0, 0.01), biases 0.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs, units = 3, scaled(1024, width)
    for place, channels in enumerate((*VGG[depth], 0), start=1):
        if channels:
            outputs = scaled(channels, width)
            layers[f"conv{place}"] = nn.Conv2d(inputs, outputs, 3, padding=1)
            layers[f"bn{place}"], layers[f"relu{place}"] = nn.BatchNorm2d(outputs), nn.ReLU()
            inputs = outputs
        else:
            layers[f"pool{place}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()
    for number, fan_in in enumerate((inputs * (SIZE >> 5) ** 2, units), start=1):
        layers[f"fc{number}"] = nn.Linear(fan_in, units)
        layers[f"fc{number}_relu"], layers[f"fc{number}_dropout"] = nn.ReLU(), nn.Dropout(0.5)
    layers["fc3"] = nn.Linear(units, classes)
    return _started(nn.Sequential(layers))


def _started(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    return model
