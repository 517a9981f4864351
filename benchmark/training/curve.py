"""Follows the last training of a run: its loss, and the validation metrics, at evenly spaced steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Metrics = dict[str, float]


class Curve:
    """The curve of the training that began last.

    Args:
        points: how many there are; at most one a step.
        evaluate: the metrics of the network on the validation split.

    Attributes:
        rows: `step`, counted from the beginning of that training, the mean training `loss` since the point before, and
            the validation metrics by name as `validation.NAME`.
    """

    def __init__(self, points: int, evaluate: Callable[[], Metrics]) -> None:
        self._points, self._evaluate = points, evaluate
        self._due, self._done, self._losses = set[int](), 0, list[Tensor]()
        self.rows: list[dict[str, float]] = []

    def begin(self, updates: int) -> None:
        """A training of so many steps begins; those before it are forgotten."""
        self._due = {round(updates * point / self._points) for point in range(1, self._points + 1)}
        self._done, self._losses, self.rows = 0, [], []

    def follow(self, loss: Tensor) -> None:
        """A step was made, with this loss before it."""
        self._done += 1
        self._losses.append(loss)
        if self._done in self._due:
            mean = float(torch.stack(self._losses).double().mean())
            metrics = {f"validation.{name}": value for name, value in self._evaluate().items()}
            self.rows.append({"step": self._done, "loss": mean, **metrics})
            self._losses = []

    def noted(self) -> dict[str, Any]:
        """The rows, and the step at which early stopping would have ended: the first lowest validation loss."""
        watched = [row for row in self.rows if "validation.loss" in row]
        early = min(watched, key=lambda row: row["validation.loss"])["step"] if watched else None
        return {"rows": self.rows, "early_stop": early}
