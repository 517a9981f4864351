"""Loss and metrics of classification tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

METRICS: dict[str, Literal["max", "min"]] = {"accuracy": "max", "loss": "min"}

Labelled = tuple[Tensor, Tensor]
"""Inputs [b, ...] and labels, int64 [b]."""


def check_labels(where: str, examples: int, labels: Tensor, classes: int) -> None:
    """Check that labels, int64 [n], belong to a number of images and of classes.

    Args:
        where: what to name in messages: a file or a folder.

    Raises:
        ValueError: there are more or fewer labels than images, or labels that are no class.
    """
    if examples != len(labels):
        raise ValueError(f"{where}: {examples:,} images, {len(labels):,} labels")
    if wrong := int(((labels < 0) | (labels >= classes)).sum()):
        raise ValueError(f"{where}: {wrong:,} of {len(labels):,} labels are none of the {classes} classes")


def logits(model: nn.Module, batch: Labelled) -> tuple[Tensor, Tensor]:
    """Return the outputs for a batch, [b, classes], and its labels."""
    inputs, labels = batch
    return model(inputs), labels


def cross_entropy(model: nn.Module, batch: Labelled) -> Tensor:
    """Return the mean cross-entropy."""
    return F.cross_entropy(*logits(model, batch))


def evaluate(model: nn.Module, batches: Iterable[Labelled]) -> dict[str, float]:
    """Return top-1 accuracy and mean cross-entropy over all examples."""
    right = count = 0
    loss = 0.0
    for inputs, labels in batches:
        outputs = model(inputs)
        right += int((outputs.argmax(dim=1) == labels).sum())
        loss += float(F.cross_entropy(outputs.double(), labels, reduction="sum"))
        count += len(labels)
    return {"accuracy": right / count, "loss": loss / count}
