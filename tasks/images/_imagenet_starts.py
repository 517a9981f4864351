"""Networks that come trained on ImageNet's 1,000 classes, and how they fit a task of some of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmark import UsageError, fetched, read_tensors

from ._augmentation import IMAGENET

IMAGENET_CLASSES = 1_000

IMAGENETTE_CLASSES = (
    *("n01440764", "n02102040", "n02979186", "n03000684", "n03028079"),
    *("n03394916", "n03417042", "n03425413", "n03445777", "n03888257"),
)
"""The class folders of imagenette: tench, English springer, cassette player, chain saw, church, and five more."""


def lite0(classes: int) -> nn.Module:
    """Return EfficientNet-Lite0, untrained, as timm builds it (Tan & Le, 2019)."""
    import timm  # slow to import, and needed by this network only

    network: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=classes)
    return network


def pretrained(model: str, folder: Path) -> dict[str, Tensor]:
    """Return the tensors of `efficientnet-lite0` as trained on ImageNet's 1,000 classes, by timm's names.

    The file names them otherwise, and has them in the same order as timm.

    Raises:
        DataMissing: the file is not in the folder.
        UsageError: there are no tensors of this model.
        ValueError: the shapes are not timm's, in order.
    """
    if model != "efficientnet-lite0":
        raise UsageError(f"'{model}' does not come trained; efficientnet-lite0 does (bench data fetch)")
    with torch.device("meta"):
        own = lite0(IMAGENET_CLASSES).state_dict()
    given = read_tensors(fetched(model, folder))
    if [value.shape for value in given.values()] != [value.shape for value in own.values()]:
        raise ValueError("the tensors of efficientnet-lite0 have not the shapes, in order, of timm's")
    return dict(zip(own, given.values(), strict=True))


def adapted(
    given: Mapping[str, Tensor], own: Mapping[str, Tensor], *, classes: Sequence[str], folder: str
) -> Mapping[str, Tensor]:
    """Return the tensors of a network of ImageNet's 1,000 classes with the outputs of a task's classes alone.

    Args:
        classes: names of class folders; empty for all of `folder`.
    """
    names = classes or (IMAGENETTE_CLASSES if folder.startswith("imagenette") else ())
    numbers = numbers_of(names)
    if numbers is None:
        return given
    heads = [name for name in given.keys() & own.keys() if _is_head(given[name], own[name], len(names))]
    return dict(given) | {name: given[name][numbers] for name in heads}


def _is_head(given: Tensor, own: Tensor, classes: int) -> bool:
    return given.shape[:1] == (IMAGENET_CLASSES,) and own.shape == (classes, *given.shape[1:])


def numbers_of(names: Sequence[str]) -> Tensor | None:
    """Return the place of classes among ImageNet's 1,000, int64 [n]; None if one of them is not there."""
    from timm.data.imagenet_info import ImageNetInfo

    places = {name: place for place, name in enumerate(ImageNetInfo("imagenet-1k").label_names())}  # type: ignore[no-untyped-call]
    return torch.tensor([places[name] for name in names]) if names and places.keys() >= set(names) else None


def scaled_for(model: nn.Module, images: Tensor) -> Tensor:
    """Return images, normalised by ImageNet's mean and deviation, as a network of timm takes them.

    Networks that were trained with inputs in [-1, 1] lose ten points of accuracy with others.
    """
    config = getattr(model, "pretrained_cfg", {})
    own = tuple(config.get("mean", IMAGENET[0])), tuple(config.get("std", IMAGENET[1]))
    if own == IMAGENET:
        return images
    mean, deviation, own_mean, own_deviation = (images.new_tensor(v)[:, None, None] for v in (*IMAGENET, *own))
    return (images * deviation + mean - own_mean) / own_deviation
