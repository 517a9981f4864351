"""Prints the progress of a sweep: a line for each cell that ends, what runs, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from benchmark.cli.output import console
from benchmark.leaderboard.tables.formats import plain
from benchmark.plugins import catalog
from benchmark.results.outcome import Outcome, outcome
from benchmark.results.record import WELL, Record
from benchmark.results.spelling import spelled

if TYPE_CHECKING:
    from benchmark.sweep.apart import Declared
    from benchmark.sweep.estimate import Expected
    from benchmark.sweep.plan import Plan
    from benchmark.sweep.work import Running

HEARTBEAT = 30.0
"""Seconds between progress lines if stderr is not a terminal."""

REFRESH = 1.0
"""Seconds between two looks at what runs, on a terminal."""


class Shown:
    """Shows a sweep, and keeps the outcomes of its cells.

    Args:
        bar: rich's progress bar; its one task is the cells.

    Attributes:
        finished: the outcomes of the cells that have ended, a tenth of their records in size.
        open: the cells that have not ended, by key.
        failures: the number of cells that ended unsuccessfully.
    """

    def __init__(self, planned: Plan, jobs: int, bar: Progress) -> None:
        self.finished: list[Outcome] = []
        self.open = {cell.key: cell for cell in planned.run}
        self.failures = 0
        self._planned, self._jobs, self._times = planned, jobs, planned.times()
        self._bar, self._cells = bar, bar.add_task("cells", total=len(planned.run), left="")
        self._every = REFRESH if bar.console.is_terminal else HEARTBEAT
        self._beat = time.monotonic()

    @property
    def count(self) -> str:
        """The number of cells that have ended."""
        return f"{len(self.finished)} of {len(self._planned.run)} cells"

    def ended(self, record: Record, by: str = "") -> None:
        """Print the line of a cell that has ended."""
        self.finished.append(outcome(record))
        self.open.pop(record.key, None)
        self.failures += record.status not in WELL
        self._times.add(record)
        line = f"{_line(record, self._planned.algorithms[record.cell.algorithm])}  {by}".rstrip()
        self._bar.console.print(Text(line), soft_wrap=True)
        self._bar.update(self._cells, completed=len(self.finished))

    def running(self, cells: Sequence[Running], elsewhere: int) -> None:
        """Show the cells that are running, and how many of them other drivers run."""
        now = time.monotonic()
        if now - self._beat < self._every:
            return
        self._beat = now
        at = ", ".join(f"{c.cell.algorithm} {c.cell.seed}" + f" step {c.steps:,}" * bool(c.steps) for c in cells)
        at += f"{', ' * bool(at)}{elsewhere} with other drivers" if elsewhere else ""
        left = self._left(cells, now)
        self._bar.update(self._cells, description=at or "cells", left=left)
        if at and not self._bar.console.is_terminal:
            click.echo(f"{len(self.finished)}/{len(self._planned.run)}  {at}  {left}".rstrip(), err=True)

    def _left(self, cells: Sequence[Running], now: float) -> str:
        from benchmark.sweep.estimate import estimate

        spent = {one.cell.key: now - one.since for one in cells}
        expected = estimate([*self.open.values()], self._times, self._jobs, spent)
        return f"{in_words(expected)} left" if expected else ""


@contextmanager
def progress(planned: Plan, jobs: int) -> Iterator[Shown]:
    """Show a sweep that runs this many cells at a time."""
    screen = console(err=True)
    left, count = TextColumn("{task.fields[left]}"), (MofNCompleteColumn(), TimeElapsedColumn())
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), *count, left)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        yield Shown(planned, jobs, bar)


def _line(record: Record, algorithm: Declared) -> str:
    cell, score = record.cell, record.score
    told = f"{record.ranking.metric} {score:.4f}" if score is not None else plain(record.error)
    network = f"{catalog.label(cell.task, cell.task_options)}/{cell.network}"
    where = f"{network} {cell.scope} {cell.sparsity:g} seed {cell.seed}"
    label = spelled(cell.algorithm, algorithm.unusual(cell.options))
    return f"{record.status:<9}{label:<11} {where}  {told}  {record.cost.seconds:.1f} s  {record.key[:8]}"


def in_words(expected: Expected) -> str:
    """`about 5 min`, or `at least 5 min` if not all trainings that a method makes are counted."""
    return f"{'at least' if expected.by == 'steps' else 'about'} {duration(expected.seconds)}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, as a reader would say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
