"""A cell with everything its names stand for: algorithm, task, data folder, device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmark.plugins import catalog, registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.records.cell import Cell
from benchmark.records.record import Ranking
from benchmark.training.task import Task


@dataclass(frozen=True)
class Question:
    """A cell with everything its names stand for.

    Args:
        shared: the folder of trainings that the cells of a sweep have in common, where they do.
    """

    cell: Cell
    algorithm: Algorithm
    task: Task
    folder: Path = Path()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    where: dict[str, Any] | None = None
    shared: Path | None = None

    @property
    def ranking(self) -> Ranking:
        """The task's first metric."""
        metric, direction = next(iter(self.task.metrics.items()))
        return Ranking(metric=metric, direction=direction)


def why_not(algorithm: Algorithm, task: Task) -> str | None:
    """Why this algorithm cannot run on this task; None where it can."""
    missing = (algorithm.prunes | algorithm.needs) - task.prunes
    return f"'{algorithm.name}' works on {', '.join(missing)}, and the task has none" if missing else None


@dataclass(frozen=True)
class Settings:
    """What every cell of a sweep is answered with.

    Args:
        folders: by `Cell.setting`, where its data lie.
        shared: where cells leave trainings for others (`benchmark.training.shared_trainings`).
    """

    folders: dict[str, Path]
    device: str = "cpu"
    timeout: float | None = None
    shared: Path | None = None


def question(cell: Cell, settings: Settings) -> Question:
    """A cell with its plug-ins loaded."""
    origins = {
        "algorithm": catalog.origin("algorithm", cell.algorithm),
        "task": catalog.origin("task", cell.task),
    }
    return Question(
        cell,
        registry.algorithm(cell.algorithm),
        registry.task(cell.task, cell.task_options),
        settings.folders[cell.setting],
        torch.device(settings.device),
        {"plugins": origins},
        settings.shared,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """As a worker has: the bits of a sum depend on how many add it up."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
