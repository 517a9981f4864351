"""The worker processes of a sweep, which go on from cell to cell of a task: starting one costs a tenth of a second of
processor time, and on a GPU seconds.

A worker is replaced when it ends, when a cell fails in it that was not its first, and after MOST cells. Only workers of
built-in methods and tasks are kept: code from outside gets a process for each cell, and so do cells that several
processes run together.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from benchmark.harness.question import Settings, Unloaded
from benchmark.plugins import catalog
from benchmark.results.cell import Cell
from benchmark.sweep import fork_server
from benchmark.sweep.channel import Channel
from benchmark.sweep.gpus import least_used, visible
from benchmark.sweep.worker import Task, work

MOST = 200
"""The most cells that one process runs, so that the memory that it has accumulated is freed with it."""

WAITING = 4
"""Workers that are kept at a time, for tasks that alternate; a waiting one occupies CUDA's own memory on a GPU."""


@dataclass(eq=False)
class WorkerProcess:
    """A worker, as the leading process of the sweep sees it.

    Args:
        task: the last task that it was given.
        kind: what the cells that it goes on to have in common; None if it ends with its first one.
    """

    process: ForkServerProcess
    channel: Channel
    task: Task
    kind: Hashable | None
    cells: int = 1

    def go_on(self, cell: Cell, algorithm: Unloaded, log: Path) -> bool:
        """Give it a further cell. Returns False if it has ended meanwhile."""
        self.cells += 1
        folder = self.task.room / f"cell-{self.cells}"
        folder.mkdir()
        self.task = replace(self.task, cell=cell, algorithm=algorithm, folder=folder, log=log)
        try:
            self.channel.send(**self.task.message())
        except EOFError:
            return False
        return True

    def end(self) -> None:
        """End the process, with all that it has started."""
        fork_server.end(self.process, self.channel)


@dataclass
class WorkerProcesses:
    """Has cells run, each by a new worker, or by one that it has kept.

    Args:
        folder: the folder of the sweep; every worker gets a folder in it.
    """

    settings: Settings
    folder: Path
    _kept: list[WorkerProcess] = field(default_factory=list)
    _begun: int = 0

    def start(self, cell: Cell, algorithm: Unloaded, shared: Path, log: Path, used: Iterable[str]) -> WorkerProcess:
        """Have a worker run a cell.

        Args:
            shared: the folder of the trainings that it may take from others.
            log: where its output goes.
            used: the GPUs of the workers that are at work.
        """
        gpus = self._gpus(used)
        kind = (cell.setting, *gpus) if self.settings.processes == 1 and _built_in(cell) else None
        for worker in [one for one in self._kept if kind and one.kind == kind]:
            self._kept.remove(worker)
            if worker.go_on(cell, algorithm, log):
                return worker
            worker.end()
        self._begun += 1
        room = self.folder / f"worker-{self._begun}"
        folder = room / "cell-1" if kind else room
        folder.mkdir(parents=True)
        logs = [log.parents[1]] if kind else []  # of its task
        task = Task(cell, algorithm, self.settings, room, folder, shared, log, logs, gpus)
        return WorkerProcess(*fork_server.forked(work, task), task, kind)

    def release(self, worker: WorkerProcess) -> None:
        """Release a worker that its cell no longer needs: it is kept for the next cell, or ends."""
        if not worker.kind or worker.cells == MOST:
            worker.end()
            return
        self._kept.append(worker)
        if len(self._kept) > WAITING:
            self._kept.pop(0).end()

    def end(self) -> None:
        """End those that are kept."""
        for worker in self._kept:
            worker.end()
        self._kept.clear()

    def _gpus(self, used: Iterable[str]) -> list[str]:
        """The GPUs of one more worker; none if `device` names one that all share, or is not a GPU."""
        return least_used(visible(), used, self.settings.processes) if self.settings.device == "cuda" else []


def _built_in(cell: Cell) -> bool:
    """Whether no code of its plug-ins comes from outside."""
    parts = [catalog.find("task", cell.task), *(catalog.find("algorithm", part) for part in cell.algorithm.split("+"))]
    return all(plugin.distribution == catalog.BUILT_IN for plugin in parts)
