"""Runs cells: in worker processes of one thread each, or one after the other in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from benchmark.harness.answer import verdict
from benchmark.harness.question import one_thread, question, with_origins
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.sweep.folder import sweep_folder
from benchmark.sweep.interrupts import recorded
from benchmark.sweep.kept_trainings import drop_trainings
from benchmark.sweep.lead import Lead
from benchmark.sweep.leases import Leases
from benchmark.sweep.queue import Queue, in_turn, training_of
from benchmark.sweep.since import Since
from benchmark.sweep.work import Done, Running, Work
from benchmark.training.shared_trainings import LocalLedger, Sharing


def run_inline(work: Work) -> None:
    """Run the cells one after the other in this process, for debugging; in one thread, as workers do."""
    with one_thread(), sweep_folder() as folder, recorded() as interrupted, Leases(work.store.leases) as leases:
        common = replace(work.settings, sharing=Sharing(folder, LocalLedger()))
        queue = Queue(work.cells, work.since or Since.now(work.store, work.cells), leases)
        for found in in_turn(queue):
            if interrupted():
                raise KeyboardInterrupt
            if isinstance(found, Cell):
                judged = verdict(with_origins(question(found, common)))
                work.done(work.store.keep(judged.record, judged.masks))
                queue.end(found)
            else:
                work.take(found)


def run_in_processes(work: Work, jobs: int) -> None:
    """Run the cells in up to `jobs` worker processes.

    Cells that are run by other drivers that share the results folder are left to them, and their records are used. A
    cell whose worker is killed by a signal is started once more. If that worker is killed too, its record is not
    stored. An exception or an interrupt ends the workers. Records that were reported by then are not affected;
    trainings are kept until all cells are done, for a sweep that continues this one.
    """
    with sweep_folder() as folder:
        rest = work.limits, work.handover, work.algorithms
        lead_cells(work, lambda: jobs, lambda done: Lead(work.settings, work.store, folder, done, *rest, jobs=jobs))


class Leads(Protocol):
    """Has cells run. `Lead` does it in worker processes of this machine.

    Attributes:
        running: the cells that have no record yet.
        at_work: how many of them count towards the number of cells at a time.
    """

    @property
    def running(self) -> Sequence[Running]: ...

    @property
    def at_work(self) -> int: ...

    def start(self, cell: Cell) -> None:
        """Start a cell."""

    def turn(self) -> None:
        """Wait for a moment, and report the records that have come."""

    def end(self) -> None:
        """Stop what is running."""


def lead_cells(work: Work, jobs: Callable[[], int], begin: Callable[[Done], Leads]) -> None:
    """Run all cells, up to `jobs()` at a time, and hold the lease of each meanwhile.

    Args:
        begin: returns what runs them; it is given the function to call with every record.
    """
    with recorded() as interrupted, Leases(work.store.leases) as leases:
        queue = Queue(work.cells, work.since or Since.now(work.store, work.cells), leases)

        def ended(record: Record) -> None:
            queue.end(record.cell)
            work.done(record)

        lead = begin(ended)
        try:
            while queue or lead.running:
                if interrupted():
                    raise KeyboardInterrupt
                for record in _start(queue, lead, jobs()):
                    work.take(record)
                lead.turn()
                work.progress(lead.running, len(queue.elsewhere))
        finally:
            lead.end()
    drop_trainings(work.store)


def _start(queue: Queue, lead: Leads, jobs: int) -> list[Record]:
    """Start cells in all workers that are free. Returns the records of cells that other drivers have run.

    A cell that shares a training with a running one would have to wait for it, and comes later.
    """
    theirs = []
    while lead.at_work < jobs:
        busy = {training_of(started.cell) for started in lead.running}
        found = queue.next(lambda cell: training_of(cell) in busy)  # noqa: B023
        if found is None:
            break
        lead.start(found) if isinstance(found, Cell) else theirs.append(found)
    return theirs
