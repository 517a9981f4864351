"""A job of a cluster: one more driver on the results folder, which ends when other drivers run all that is left."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar

from benchmark.launchers.local import Local
from benchmark.launchers.order import Order, lost
from benchmark.results.record import Record
from benchmark.sweep.work import Running, Work


class NothingToDo(Exception):
    """Living drivers are running all that is left."""


@dataclass(frozen=True)
class Job:
    """Runs the cells of an order that no other driver runs."""

    local: Local
    order: Order
    here: ClassVar[bool] = True

    @property
    def jobs(self) -> int:
        """As in `Launcher`."""
        return self.local.jobs

    @property
    def place(self) -> str:
        """As in `Launcher`."""
        return self.local.place

    def answer(self, work: Work) -> None:
        """As in `Launcher`. Does not wait for what other jobs run: if they die, the launcher sends another job."""
        since = self.order.since(work.store)

        def done(record: Record) -> None:
            if since.record(record.cell) is None:
                lost(work.store).put(record)
            work.done(record)

        def progress(running: Sequence[Running], elsewhere: int) -> None:
            work.progress(running, elsewhere)
            if elsewhere and not running:
                raise NothingToDo

        with suppress(NothingToDo):
            self.local.answer(replace(work, since=since, done=done, progress=progress))


def cores_of(job: Mapping[str, str], machine: int) -> int:
    """The cores that Slurm gives to each task of a job.

    Args:
        job: its environment variables.
        machine: the cores that this process may use.
    """
    tasks = math.ceil(int(job.get("SLURM_NTASKS", 1)) / int(job.get("SLURM_NNODES", 1)))
    given = int(job.get("SLURM_CPUS_PER_TASK", 0)) or int(job.get("SLURM_CPUS_ON_NODE", machine)) // tasks
    return max(1, min(given, machine))
