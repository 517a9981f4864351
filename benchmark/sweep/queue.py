"""The cells that a driver still has to run. Other drivers that share its results folder run some of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.sweep.leases import Leases
from benchmark.sweep.since import Since

PAUSE = 1.0
"""Seconds between two looks at the cells that others run."""


class Queue:
    """Gives out cells, and holds the lease of each until it is answered.

    Args:
        cells: the cells to run, in this order as far as other drivers allow.
        since: recognises the records that others make.
        leases: the leases of the results folder.

    Attributes:
        elsewhere: the cells that other drivers are running.
    """

    def __init__(self, cells: Sequence[Cell], since: Since, leases: Leases) -> None:
        self._waiting, self.elsewhere = list(cells), list[Cell]()
        self._since, self._leases = since, leases
        self._looked = time.monotonic()

    def __bool__(self) -> bool:
        return bool(self._waiting or self.elsewhere)

    def next(self, later: Callable[[Cell], bool]) -> Cell | Record | None:
        """The cell to start next, or the record of one that another driver has answered; None if others hold the rest.

        Args:
            later: whether a cell should come after those for which this is false.

        Raises:
            OSError: the results folder cannot be written to.
        """
        while self._waiting:
            cell = self._waiting.pop(next((place for place, one in enumerate(self._waiting) if not later(one)), 0))
            if record := self._since.record(cell):
                return record
            if self._leases.take(cell.key, str(cell)):
                self.elsewhere.append(cell)
            elif record := self._since.record(cell):  # between the look and the lease
                self.end(cell)
                return record
            else:
                return cell
        self._look_again()
        return None

    def end(self, cell: Cell) -> None:
        """A cell is answered, or left."""
        self._leases.release(cell.key)

    def _look_again(self) -> None:
        """Have the cells that others held wait for their turn again: they are answered, left, or tried once more."""
        if time.monotonic() - self._looked > PAUSE:
            self._waiting, self.elsewhere = self.elsewhere, []
            self._looked = time.monotonic()


def in_turn(queue: Queue) -> Iterator[Cell | Record]:
    """All cells of a queue, one after the other, and the records that others make; waits while they hold the rest."""
    while queue:
        if found := queue.next(lambda cell: False):
            yield found
        else:
            time.sleep(PAUSE / 4)


def training_of(cell: Cell) -> tuple[object, ...]:
    """A value that is equal for cells that may share trainings: those that differ only in the target or the control."""
    return cell.algorithm, str(cell.method_options), *cell.table, cell.seed
