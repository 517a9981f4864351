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
        points: the number of points; at most one per step.
        evaluate: the metrics of the network on the validation split.
        count: counts an evaluation that another cell has made.

    Attributes:
        rows: `step`, counted from the beginning of that training, the mean training `loss` since the point before, and
            the validation metrics by name as `validation.NAME`.
    """

    def __init__(self, points: int, evaluate: Callable[[], Metrics], count: Callable[[], None] = lambda: None) -> None:
        self.points, self._evaluate, self._count = points, evaluate, count
        self._due, self._done, self._losses = set[int](), 0, list[Tensor]()
        self.rows: list[dict[str, float]] = []

    def begin(self, updates: int) -> None:
        """Begin to follow a training of this many steps; earlier ones are forgotten."""
        self._due = {round(updates * point / self.points) for point in range(1, self.points + 1)}
        self._done, self._losses, self.rows = 0, [], []

    @property
    def due(self) -> bool:
        """Whether the network is to be evaluated after the step that is just ending."""
        return self._done + 1 in self._due

    def follow(self, loss: Tensor) -> None:
        """Note a step that was made, with the loss before it."""
        self._done += 1
        self._losses.append(loss)
        if self._done in self._due:
            mean = float(torch.stack(self._losses).double().mean())
            metrics = {f"validation.{name}": value for name, value in self._evaluate().items()}
            self.rows.append({"step": self._done, "loss": mean, **metrics})
            self._losses = []

    def state(self) -> dict[str, Any]:
        """Its state, as plain values."""
        return {"done": self._done, "losses": [float(loss) for loss in self._losses], "rows": self.rows}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from the state of the same training in another cell. Its evaluations count here, too.

        Raises:
            LookupError, TypeError, ValueError: this is not a state.
        """
        losses = [torch.tensor(loss) for loss in state["losses"]]
        self._done, self.rows, self._losses = int(state["done"]), list(state["rows"]), losses
        for _ in self.rows:
            self._count()

    def noted(self) -> dict[str, Any]:
        """The rows, and the step at which early stopping would have ended: the first lowest validation loss."""
        watched = [row for row in self.rows if "validation.loss" in row]
        early = min(watched, key=lambda row: row["validation.loss"])["step"] if watched else None
        return {"rows": self.rows, "early_stop": early}
