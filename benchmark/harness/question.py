"""`Question`: a cell with the objects that its names refer to: algorithm, task, data folder and device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from benchmark.harness.found import MaskFile
from benchmark.harness.starts import StartFile
from benchmark.plugins import catalog, registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.plugins.code import code
from benchmark.results.cell import Cell, command
from benchmark.results.record import Ranking
from benchmark.training.prunable import chosen
from benchmark.training.run import Run
from benchmark.training.shared_trainings import Sharing
from benchmark.training.task import Task


@dataclass(frozen=True)
class Unloaded:
    """An algorithm that is not imported before it is called, and what its declaration says.

    The process that runs it reads the data first, and drops the test split. The referee never imports it; the leading
    process of a sweep does so only if it is built in.

    Args:
        prunes, needs, keys: as in `Algorithm`.
        absent: the options that may be absent from a cell, with what their absence means.
    """

    name: str
    prunes: frozenset[str] = frozenset({"weights"})
    needs: frozenset[str] = frozenset()
    absent: Mapping[str, Any] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()

    @classmethod
    def of(cls, algorithm: Method) -> Unloaded:
        """What an algorithm declares, for another process."""
        return Unloaded(algorithm.name, algorithm.prunes, algorithm.needs, algorithm.filled({}), algorithm.keys)

    def filled(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options, completed by those that are absent; see `Algorithm.filled`."""
        return {**self.absent, **options}

    def __call__(self, run: Run, **options: Any) -> None:
        registry.algorithm(self.name)(run, **options)


Method = Algorithm | Unloaded


@dataclass(frozen=True)
class Question:
    """A cell with the objects that its names refer to.

    Args:
        task: its policy is narrowed to the cell's `prunable`.
        folder: the folder of the data.
        where: facts for the record's `where` that the cell does not have, such as the origin of the plug-ins.
        sharing: the trainings that the cells of a sweep have in common; None to share none.
        start: what the network begins with; None for a random initialisation.
        found: the masks of other records that options name, by key.
        processes: the number of processes that train the network together.
        sparse_below: as in `Settings`.
    """

    cell: Cell
    algorithm: Method
    task: Task
    folder: Path = Path()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    where: dict[str, Any] | None = None
    sharing: Sharing | None = None
    start: StartFile | None = None
    found: Mapping[str, MaskFile] = field(default_factory=dict)
    processes: int = 1
    sparse_below: float | None = None

    def __post_init__(self) -> None:
        policy = chosen(self.cell.prunable, self.task.prunable)
        object.__setattr__(self, "task", replace(self.task, prunable=policy))

    @property
    def ranking(self) -> Ranking:
        """The metric that ranks, the task's first, and its direction."""
        metric, direction = next(iter(self.task.metrics.items()))
        return Ranking(metric=metric, direction=direction)


def why_not(algorithm: Method, task: Task) -> str | None:
    """The reason why an algorithm cannot run on a task; None if it can."""
    missing = (algorithm.prunes | algorithm.needs) - task.offers
    return f"'{algorithm.name}' works on {', '.join(missing)}, and the task has none" if missing else None


@dataclass(frozen=True)
class Settings:
    """The settings that all cells of a sweep share.

    Args:
        folders: the data folder of each task, by `Cell.setting`.
        sharing: the trainings that cells have in common (`benchmark.training.shared_trainings`).
        starts: the files of starts, by `start_of`.
        found: the masks of records, by key.
        processes: the number of processes that run one cell together.
        sparse_below: the share of kept weights below which steps are sparse (`benchmark.training.sparse_training`): 0
            for never, 1 for whenever something is pruned; None for when it is faster, if what it needs is installed.
    """

    folders: dict[str, Path]
    device: str = "cpu"
    sharing: Sharing | None = None
    starts: Mapping[tuple[str, str, str], StartFile] = field(default_factory=dict)
    found: Mapping[str, MaskFile] = field(default_factory=dict)
    processes: int = 1
    sparse_below: float | None = None


def start_of(cell: Cell) -> tuple[str, str, str]:
    """The key of a start, which its tensors depend on: its name, the task and the model."""
    return cell.start, cell.setting, cell.model


def sources_of(cell: Cell, algorithm: Method) -> list[str]:
    """The keys of the records whose masks the algorithm of a cell is to use."""
    return [str(cell.options[name]) for name in sorted(algorithm.keys) if cell.options.get(name)]


def question(cell: Cell, settings: Settings, algorithm: Method | None = None) -> Question:
    """Load the plug-ins of a cell; an algorithm that is given is not loaded."""
    method = algorithm or registry.algorithm(cell.algorithm)
    return Question(
        cell,
        method,
        registry.task(cell.task, cell.task_options),
        settings.folders[cell.setting],
        torch.device(settings.device),
        sharing=settings.sharing,
        start=settings.starts[start_of(cell)] if cell.start else None,
        found={key: settings.found[key] for key in sources_of(cell, method)},
        processes=settings.processes,
        sparse_below=settings.sparse_below,
    )


def with_origins(asked: Question) -> Question:
    """The question with the origins of its plug-ins, digests of code and found masks, and the command that asks it."""
    cell = asked.cell
    kinds: tuple[tuple[catalog.Kind, str], ...] = (("algorithm", cell.algorithm), ("task", cell.task))
    origins = {kind: catalog.origin(kind, name) for kind, name in kinds}
    algorithm, task = (catalog.typed(kind, name) for kind, name in kinds)
    asks = command(cell, asked.algorithm.filled(cell.options), algorithm, task)
    found = {"found": {key: file.digest for key, file in asked.found.items()}} if asked.found else {}
    return replace(asked, where={"plugins": origins, "code": code(cell.algorithm, cell.task), "command": asks, **found})


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread, as workers do: the last bits of a sum depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):  # of numpy and scipy, too
            yield
    finally:
        torch.set_num_threads(threads)
