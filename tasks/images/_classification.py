"""Loss and metrics of classification tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

METRICS: dict[str, Literal["max", "min"]] = {"accuracy": "max", "loss": "min"}

Labelled = tuple[Tensor, Tensor]
"""Inputs [b, ...] and labels, int64 [b]."""


def cross_entropy(model: nn.Module, batch: Labelled) -> Tensor:
    """Return the mean cross-entropy."""
    inputs, labels = batch
    return F.cross_entropy(model(inputs), labels)


def evaluate(model: nn.Module, batches: Iterable[Labelled]) -> dict[str, float]:
    """Return top-1 accuracy and mean cross-entropy over all examples."""
    right = count = 0
    loss = 0.0
    for inputs, labels in batches:
        logits = model(inputs)
        right += int((logits.argmax(dim=1) == labels).sum())
        loss += float(F.cross_entropy(logits.double(), labels, reduction="sum"))
        count += len(labels)
    return {"accuracy": right / count, "loss": loss / count}
