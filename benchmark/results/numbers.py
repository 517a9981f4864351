"""The numbers that a record may contain. All are finite; anything outside these ranges is a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

LARGEST = 1e15
"""Results and numbers in JSON values are smaller. Sums of larger ones could overflow."""

Number = Annotated[float, Field(gt=-LARGEST, lt=LARGEST)]
"""A result."""

Share = Annotated[float, Field(ge=0, le=1)]
"""Part of a whole."""

Size = Annotated[float, Field(ge=0, le=1e30)]
"""Seconds, operations, or a ratio. Trainings of large networks take more than 1e15 operations."""

Count = Annotated[int, Field(ge=0, lt=10**15)]

Whole = Annotated[int, Field(gt=-(10**15), lt=10**15)]


def _finite(values: dict[str, JsonValue]) -> dict[str, JsonValue]:
    for place in _too_large(values):
        raise ValueError(f"the number {place} is not finite, or not below {LARGEST:g}")
    return values


def _too_large(value: JsonValue, place: str = "") -> Iterator[str]:
    """Yield the place of each number that is infinite, NaN or too large."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _too_large(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _too_large(inner, f"{place}.{at}")
    elif isinstance(value, int | float) and not -LARGEST < value < LARGEST:
        yield place


Json = Annotated[dict[str, JsonValue], AfterValidator(_finite)]
"""Values of any form, with numbers in range."""


_SHARES = (
    *("accuracy", "balanced_accuracy", "top1", "top5", "precision", "recall", "f1", "macro_f1", "micro_f1"),
    *("ap", "roc_auc", "auroc", "auc", "mrr", "mrr_filtered", "mrr_extended"),
)
_ERRORS = ("loss", "mae", "mse", "rmse")

RANGES: Mapping[str, tuple[float, float]] = dict.fromkeys(_SHARES, (0, 1)) | dict.fromkeys(_ERRORS, (0, LARGEST))
"""The range of each metric by its definition, by name. A metric that is not listed can have any value."""


def out_of_range(metrics: Mapping[str, float]) -> Iterator[str]:
    """Yield a message for each metric with a value that it cannot have."""
    for name, value in metrics.items():
        low, high = RANGES.get(name, (-LARGEST, LARGEST))
        if not low <= value <= high:
            yield f"{name} is {value:g}, and it lies in [{low:g}, {high:g}] by its definition"
