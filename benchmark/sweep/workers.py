"""Answers cells: in worker processes of one thread each, or one after the other in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmark.harness.answer import verdict
from benchmark.harness.question import Method, Settings, one_thread, question, with_origins
from benchmark.records.cell import Cell
from benchmark.records.store import Store
from benchmark.sweep.folder import sweep_folder
from benchmark.sweep.interrupts import recorded
from benchmark.sweep.lead import Done, Lead
from benchmark.sweep.started import Limits, Started
from benchmark.training.shared_trainings import LocalLedger, Sharing

Progress = Callable[[Sequence[Started]], None]
"""Called several times a second with the cells that are running."""

NO_LIMITS = Limits()

NONE_DECLARED: Mapping[str, Method] = {}


def run_inline(cells: Sequence[Cell], settings: Settings, store: Store, done: Done) -> None:
    """Answer the cells one after the other in this process, for debugging; in one thread, as workers do."""
    with one_thread(), sweep_folder() as folder, recorded() as interrupted:
        common = replace(settings, sharing=Sharing(folder, LocalLedger()))
        for cell in cells:
            if interrupted():
                raise KeyboardInterrupt
            judged = verdict(with_origins(question(cell, common)))
            done(store.keep(judged.record, judged.masks))


def run_in_processes(
    cells: Sequence[Cell],
    settings: Settings,
    store: Store,
    jobs: int,
    done: Done,
    progress: Progress = lambda running: None,
    limits: Limits = NO_LIMITS,
    handover: Path | None = None,
    algorithms: Mapping[str, Method] = NONE_DECLARED,
) -> None:
    """Answer the cells in up to `jobs` worker processes, and call `done` with each record.

    A cell whose worker is killed by a signal is started once more. If that worker is killed too, its record is not
    stored. An exception or an interrupt ends the workers. Records that `done` has been called with are not affected.

    Args:
        handover: where to keep what the last cell has handed over.
        algorithms: those whose declarations are known already.
    """
    waiting = list(cells)
    with sweep_folder() as folder, recorded() as interrupted:
        lead = Lead(settings, store, folder, done, limits, handover, algorithms)
        try:
            while waiting or lead.running:
                if interrupted():
                    raise KeyboardInterrupt
                while waiting and lead.at_work < jobs:
                    lead.start(_next(waiting, lead.running))
                lead.turn()
                progress(lead.running)
        finally:
            lead.end()


def _next(waiting: list[Cell], running: Sequence[Started]) -> Cell:
    """Remove and return the cell to start next: if possible one that shares no training with a running cell.

    A cell that shares a training with a running one would have to wait for it.
    """
    busy = {_training_of(started.cell) for started in running}
    return waiting.pop(next((place for place, cell in enumerate(waiting) if _training_of(cell) not in busy), 0))


def _training_of(cell: Cell) -> tuple[object, ...]:
    """Equal for cells that may share trainings: those that differ in the target or the control only."""
    return cell.algorithm, str(cell.method_options), *cell.table, cell.seed
