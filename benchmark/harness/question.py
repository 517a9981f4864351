"""`Question`: a cell with the objects that its names refer to: algorithm, task, data folder and device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from benchmark.plugins import catalog, registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.records.cell import Cell
from benchmark.records.record import Ranking
from benchmark.training.prunable import chosen
from benchmark.training.task import Task


@dataclass(frozen=True)
class Question:
    """A cell with the objects that its names refer to.

    Args:
        task: its policy is narrowed to the cell's `prunable`.
        folder: the folder of the data.
        where: facts for the record's `where` that the cell does not have, such as the origin of the plug-ins.
        shared: the folder of trainings that the cells of a sweep have in common; None to share none.
    """

    cell: Cell
    algorithm: Algorithm
    task: Task
    folder: Path = Path()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    where: dict[str, Any] | None = None
    shared: Path | None = None

    def __post_init__(self) -> None:
        policy = chosen(self.cell.prunable, self.task.prunable)
        object.__setattr__(self, "task", replace(self.task, prunable=policy))

    @property
    def ranking(self) -> Ranking:
        """The metric that ranks, the task's first, and its direction."""
        metric, direction = next(iter(self.task.metrics.items()))
        return Ranking(metric=metric, direction=direction)


def why_not(algorithm: Algorithm, task: Task) -> str | None:
    """The reason why an algorithm cannot run on a task; None if it can."""
    missing = (algorithm.prunes | algorithm.needs) - task.prunes
    return f"'{algorithm.name}' works on {', '.join(missing)}, and the task has none" if missing else None


@dataclass(frozen=True)
class Settings:
    """The settings that are the same for all cells of a sweep.

    Args:
        folders: the data folder of each task, by `Cell.setting`.
        timeout: the seconds that a cell may take; None for no limit.
        shared: the folder of trainings that cells have in common (`benchmark.training.shared_trainings`).
    """

    folders: dict[str, Path]
    device: str = "cpu"
    timeout: float | None = None
    shared: Path | None = None


def question(cell: Cell, settings: Settings) -> Question:
    """Load the plug-ins of a cell."""
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
    """Compute in one thread, as workers do: the last bits of a sum depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
