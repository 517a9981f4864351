"""Runs the cells of a plan for a command: what is printed before, meanwhile, and of each that ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from benchmark import machine
from benchmark.cli.output import console
from benchmark.errors import PluginError
from benchmark.leaderboard.tables.formats import plain
from benchmark.plugins import catalog
from benchmark.records.record import Record
from benchmark.records.spelling import spelled
from benchmark.records.store import Store
from benchmark.sweep import fork_server

if TYPE_CHECKING:
    from benchmark.sweep.apart import Declarations, Declared
    from benchmark.sweep.plan import Plan
    from benchmark.sweep.started import Limits, Started

HEARTBEAT = 30.0
"""Seconds between progress lines if stderr is not a terminal."""


def warm_up(texts: Sequence[str], device: str) -> None:
    """Start the workers' fork server before this process imports torch, so that both import it in parallel.

    It imports the built-in tasks, and no algorithm: the referee is forked from it. If a GPU may be used, tasks are
    imported in the workers instead of the server: importing torch-geometric initialises CUDA, and CUDA that was
    initialised before a fork cannot be used after it.
    """
    pieces = [piece.partition(":")[0].strip() for text in texts for piece in text.split(",")]
    names = [name for piece in pieces for name in piece.split("+")]
    known = catalog.plugins("algorithm") | catalog.plugins("task")
    plugins = [known[name] for name in names if name in known]
    if plugins and all(name in known or "=" in name for name in names):
        tasks = [plugin for plugin in plugins if plugin.kind == "task" and plugin.distribution == catalog.BUILT_IN]
        fork_server.start([] if machine.may_be_cuda(device) else [plugin.module for plugin in tasks])


def jobs_for(jobs: int | None, device: str, cells: int) -> int:
    """How many cells run at a time, if it is not said."""
    if jobs is None:
        return 1 if device.startswith("cuda") else max(1, min(machine.cores(), cells))
    return jobs


def announce(planned: Plan, jobs: int, device: str) -> None:
    """Print how many cells there are to run, where, and for about how long."""
    from benchmark.sweep.estimate import estimate

    count, reused = len(planned.cells), len(planned.reused)
    cells = "cell" if count == 1 else "cells"
    click.echo(f"{count} {cells}: {reused} answered already, {count - reused} to run", err=True, nl=False)
    if planned.run:
        seconds = estimate(planned.run, planned.known, max(1, jobs))
        about = "" if seconds is None else f", about {_duration(seconds)}"
        click.echo(f" on {device}, {jobs or 1} at a time{about}", err=True, nl=False)
    click.echo("", err=True)
    if planned.stale:
        click.echo(f"{len(planned.stale)} answered by other code (bench run --rerun stale)", err=True)


def sweep(
    planned: Plan,
    store: Store,
    jobs: int,
    device: str,
    limits: Limits,
    data_root: Path | None,
    declared: Declarations,
) -> list[Record]:
    """Run the cells of a plan, with a line for each that ends.

    Args:
        jobs: workers; 0 runs the cells in this process.
        declared: is closed before the workers start.

    Raises:
        DataMissing: a data set is not on this machine.
        PluginError: the results folder cannot be written to.
    """
    from benchmark.data.folders import DataFolders
    from benchmark.harness.question import Settings
    from benchmark.sweep.again import Here
    from benchmark.sweep.edge_limits import edge_limits
    from benchmark.sweep.starts import remarks
    from benchmark.sweep.workers import run_in_processes, run_inline

    needed = dict.fromkeys((catalog.label(cell.task, cell.task_options), cell.setting) for cell in planned.run)
    folders = {
        setting: DataFolders(data_root).readable(label, planned.tasks[setting].source) for label, setting in needed
    }
    store.check()
    starts = Here(store, device, data_root).starts(planned.run, planned.tasks)
    limits_of_edges = edge_limits(planned.run, planned.algorithms, planned.tasks, folders)
    for remark in (*limits_of_edges, *remarks(starts, planned.tasks)):
        click.echo(f"Warning: {remark}", err=True)
    declared.close()
    settings = Settings(folders, device, starts=starts)
    finished: list[Record] = []
    with _progress(planned, max(1, jobs), finished) as (line, show):

        def done(record: Record) -> None:
            finished.append(record)
            line(record)

        try:
            if jobs:
                run_in_processes(planned.run, settings, store, jobs, done, show, limits, algorithms=planned.algorithms)
            else:
                run_inline(planned.run, settings, store, done)
        except OSError as error:
            what = f"a record cannot be written to {store.root}: {error.strerror or error}"
            raise PluginError(f"{what}; {len(finished)} of {len(planned.run)} cells are finished and kept") from None
        except KeyboardInterrupt:
            kept = f"{len(finished)} of {len(planned.run)} cells are finished and kept in {store.root}"
            click.echo(f"\n{kept}; the same command goes on from there.", err=True)
            raise
    return finished


@contextmanager
def _progress(
    planned: Plan, jobs: int, finished: list[Record]
) -> Iterator[tuple[Callable[[Record], None], Callable[[Sequence[Started]], None]]]:
    """Print a line for each finished cell and, on a terminal, a progress bar with the running cells below.

    Yields:
        Two functions: one to report a finished record, one to show the running cells.
    """
    from benchmark.sweep.estimate import estimate

    screen = console(err=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as progress:
        bar = progress.add_task("cells", total=len(planned.run), left="")
        beat = time.monotonic()

        def line(record: Record) -> None:
            screen.print(Text(_line(record, planned.algorithms[record.cell.algorithm])), soft_wrap=True)
            progress.update(bar, completed=len(finished))

        def show(running: Sequence[Started]) -> None:
            nonlocal beat
            if not screen.is_terminal and time.monotonic() - beat < HEARTBEAT:
                return
            beat = time.monotonic()
            done = {record.key for record in finished}
            spent = {one.cell.key: beat - one.since for one in running}
            seconds = estimate([c for c in planned.run if c.key not in done], [*planned.known, *finished], jobs, spent)
            left = "" if seconds is None else f"about {_duration(seconds)} left"
            at = ", ".join(f"{s.cell.algorithm} {s.cell.seed} step {s.steps:,}" for s in running)
            progress.update(bar, description=at or "cells", left=left)
            if not screen.is_terminal and running:
                click.echo(f"{len(finished)}/{len(planned.run)}  {at}  {left}".rstrip(), err=True)

        yield line, show


def _line(record: Record, algorithm: Declared) -> str:
    cell, score = record.cell, record.score
    outcome = f"{record.ranking.metric} {score:.4f}" if score is not None else plain(record.error)
    where = (
        f"{catalog.label(cell.task, cell.task_options)}/{cell.network} {cell.scope} {cell.sparsity:g} seed {cell.seed}"
    )
    label = spelled(cell.algorithm, algorithm.unusual(cell.options))
    return f"{record.status:<9}{label:<11} {where}  {outcome}  {record.cost.seconds:.1f} s  {record.key[:8]}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
