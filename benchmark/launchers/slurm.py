"""Runs cells in Slurm jobs. Each job is one more driver on the results folder, which all machines share.

This process runs no cell. It reads the records that the jobs write, and sends more jobs if all have ended and cells are
left. It learns from `squeue` whether jobs are alive, and from leases what runs where (`benchmark.sweep.leases`).
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from errno import ENOENT
from pathlib import Path
from typing import Any, ClassVar

from benchmark.errors import PluginError
from benchmark.launchers.order import NAME, Order, asked_in, jobs_folder
from benchmark.launchers.slurm_jobs import State, cancel, last_error, living, name_of, send
from benchmark.results.cell import Cell
from benchmark.sweep.endings import written
from benchmark.sweep.interrupts import recorded
from benchmark.sweep.leases import Lease, Leases, held
from benchmark.sweep.work import Work

MOST = 8
"""Jobs for a sweep, unless the user says how many."""

PAUSE, LOOK = 1.0, 10.0
"""Seconds between two looks at the records, and at the leases and jobs."""

TRIES = 3
"""How often jobs are sent without a resulting record or training."""


@dataclass(frozen=True)
class Slurm:
    """Jobs of Slurm.

    Args:
        device: as named by the user; `auto` is resolved by each job.
        jobs: the number of jobs at a time.
        parameters: those of submitit's executor (`benchmark.launchers.slurm_parameters`).
        data_root: the data folder that the user names.
    """

    device: str
    jobs: int
    parameters: Mapping[str, Any]
    data_root: Path | None = None
    here: ClassVar[bool] = False

    @property
    def place(self) -> str:
        """As in `Launcher`."""
        return f"in {_jobs(self.jobs)}"

    def answer(self, work: Work) -> None:
        """As in `Launcher`. If it ends early, its jobs are cancelled, unless this process is killed.

        Raises:
            PluginError: Slurm takes no jobs, or they end without an answer again and again.
            OSError: the results folder is gone.
        """
        order = Order.of(work, self.device, self.data_root)
        with recorded() as interrupted, Leases(jobs_folder(work.store) / "leases") as leases:
            waiting = _Waiting(self, work, order, leases)
            try:
                while waiting.left:
                    if interrupted():
                        raise KeyboardInterrupt
                    waiting.turn()
            except BaseException:
                cancel(waiting.orders)
                raise
            cancel(waiting.orders, waiting=True)


@dataclass(frozen=True)
class Elsewhere:
    """A cell that a job runs; like `benchmark.sweep.work.Running`."""

    cell: Cell
    since: float
    steps: int = 0

    @classmethod
    def by(cls, lease: Lease, cell: Cell) -> Elsewhere:
        """Which job runs it, according to its lease."""
        return cls(cell, time.monotonic() - max(0.0, time.time() - lease.since))


@dataclass
class _Waiting:
    """A sweep, as seen by the process that waits for its jobs.

    Args:
        leases: the leases of the folders with orders: the holder of one waits for its jobs, and may cancel them.

    Attributes:
        left: the cells that have no record yet.
        orders: the folders for which jobs were sent, possibly by an earlier process that was killed.
        running: the cells that some driver is running.
    """

    launcher: Slurm
    work: Work
    order: Order
    leases: Leases
    orders: list[Path] = field(default_factory=list)
    running: list[Elsewhere] = field(default_factory=list)
    _tries: int = 0
    _trained: set[tuple[str, int | None]] = field(default_factory=set)
    _looked: float = 0.0
    _reasons: str = ""

    def __post_init__(self) -> None:
        self.left = list(self.work.cells)
        self._since = self.order.since(self.work.store)
        self._adopt()
        self._folder = jobs_folder(self.work.store) / secrets.token_hex(4)
        self.leases.take(self._folder.name)

    def turn(self) -> None:
        """Take the records that have come, send jobs if there are none, and wait a moment."""
        self._take()
        if self.left and time.monotonic() - self._looked > LOOK:
            self._look()
            self._looked = time.monotonic()
        self.work.progress(self.running, 0)
        if self.left:
            time.sleep(PAUSE)

    def _take(self) -> None:
        for cell in list(self.left):
            if record := self._since.record(cell):
                self.left.remove(cell)
                self.running = [one for one in self.running if one.cell != cell]
                self._tries = 0
                self.work.done(record)

    def _look(self) -> None:
        leases = dict(held(self.work.store.leases))
        self.running = [Elsewhere.by(leases[cell.key], cell) for cell in self.left if cell.key in leases]
        jobs, free = living(self.orders), len(self.left) - len(self.running)
        if jobs:
            self._tell(jobs)
        elif jobs is not None and free:  # what a dead driver has held is free after a minute
            self._send(min(self.launcher.jobs, free))

    def _tell(self, jobs: Sequence[State]) -> None:
        """Say why jobs wait, where none runs."""
        wait = all(job.state == "PENDING" for job in jobs)
        reasons = ", ".join(dict.fromkeys(job.reason for job in jobs)) if wait else ""
        if reasons not in ("", "None", self._reasons):
            self.work.say(f"{_jobs(len(jobs))} in the queue: {reasons}")
        self._reasons = reasons

    def _send(self, count: int) -> None:
        if trained := written(self.work.store.endings / "ledger") - self._trained:  # a cell longer than a job may be
            self._tries, self._trained = 0, self._trained | trained
        if self._tries == TRIES:
            raise PluginError(self._given_up())
        if not self.leases.folder.is_dir():  # it is not begun anew
            raise FileNotFoundError(ENOENT, "it is gone")
        self._tries += 1
        self.order.write(self._folder)
        self.orders = [*dict.fromkeys([*self.orders, self._folder])]
        number = send(self._folder, count, self.launcher.parameters)
        self.work.say(f"{_jobs(count)} as {number}, {name_of(self._folder)}; logs in {self._folder}")

    def _given_up(self) -> str:
        cells = f"{len(self.left)} cell{'s' * (len(self.left) > 1)}, such as {self.left[0]}"
        said = f" ({error})" if (error := last_error(self._folder)) else ""
        return f"{TRIES} times all jobs have ended with nothing new for {cells}{said}; their logs are in {self._folder}"

    def _adopt(self) -> None:
        """Take over the jobs for these cells whose process has died, and delete the orders of those that have ended."""
        orders = [file.parent for file in jobs_folder(self.work.store).glob(f"*/{NAME}")]
        if (jobs := living(orders)) is None:
            return
        alive = {job.name for job in jobs}
        for folder in (folder for folder in orders if self.leases.take(folder.name) is None):
            if name_of(folder) not in alive:
                shutil.rmtree(folder, ignore_errors=True)
            elif {cell.key for cell in self.left} <= asked_in(folder):
                self.orders.append(folder)
                continue
            self.leases.release(folder.name)


def _jobs(count: int) -> str:
    return f"{count} job{'s' * (count != 1)} of Slurm"
