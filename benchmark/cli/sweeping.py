"""Runs the cells of a plan for a command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmark.cli.progress import in_words, progress
from benchmark.errors import PluginError
from benchmark.leaderboard.blocks import counted
from benchmark.machine import may_be_cuda
from benchmark.plugins import catalog
from benchmark.results.outcome import Outcome
from benchmark.results.record import Record
from benchmark.results.spelling import Choice
from benchmark.results.store import Store
from benchmark.sweep import fork_server

if TYPE_CHECKING:
    from benchmark.harness.question import Settings
    from benchmark.launchers.launcher import Launcher
    from benchmark.sweep.apart import Declarations
    from benchmark.sweep.plan import Plan
    from benchmark.sweep.started import Limits


class TooManyFailures(Exception):
    """More cells have failed than may fail."""


def warm_up(asked: Iterable[Choice], device: str) -> None:
    """Start the workers' fork server before this process imports torch: as a copy, or one that imports it in parallel.

    It imports what it may of the plug-ins (`fork_server.importable`); workers import the rest.
    """
    names = [name for choice in asked for name in choice.name.split("+")]
    listed = catalog.plugins("algorithm") | catalog.plugins("task")
    plugins = [listed[name] for name in names if name in listed]
    if plugins and all(name in listed for name in names):
        fork_server.start(fork_server.importable(plugins, device), copy=not may_be_cuda(device))


def announce(planned: Plan, launcher: Launcher) -> None:
    """Print how many cells there are to run, where, and for about how long."""
    from benchmark.sweep.estimate import estimate

    count, reused = len(planned.cells), len(planned.reused)
    click.echo(f"{counted(count, 'cell')}: {reused} answered already, {count - reused} to run", err=True, nl=False)
    if planned.run:
        expected = estimate(planned.run, planned.times(), launcher.jobs)
        click.echo(f" {launcher.place}{(expected and f', {in_words(expected)}') or ''}", err=True, nl=False)
    click.echo("", err=True)
    if planned.stale:
        click.echo(f"{len(planned.stale)} answered by other code (bench run --rerun stale)", err=True)


def sweep(
    planned: Plan,
    store: Store,
    launcher: Launcher,
    device: str,
    limits: Limits,
    data_root: Path | None,
    declared: Declarations,
    processes: int = 1,
    sparse_below: float | None = None,
) -> list[Outcome]:
    """Run the cells of a plan, with a line for each that ends.

    Args:
        declared: closed before the workers start.
        processes, sparse_below: as in `Settings`.

    Raises:
        DataMissing: a data set is not on this machine.
        PluginError: the results folder cannot be written to.
    """
    from benchmark.harness.question import Settings
    from benchmark.sweep.since import Since
    from benchmark.sweep.work import Work

    if not planned.run:
        return []
    answered = {one.key for one in planned.known}
    since = Since.now(store, [cell for cell in planned.run if cell.key in answered])
    folders = _folders(planned, data_root) if launcher.here else {}
    settings = Settings(folders, device, processes=processes, sparse_below=sparse_below)
    store.check()
    settings = _told(settings, planned, store, data_root) if launcher.here else settings
    declared.close()
    with progress(planned, launcher.jobs) as shown:

        def done(record: Record) -> None:
            shown.ended(record)
            if limits.failures and shown.failures >= limits.failures:
                raise TooManyFailures

        def theirs(record: Record) -> None:
            shown.ended(record, "by another driver")

        try:
            launcher.answer(
                Work(
                    planned.run,
                    settings,
                    store,
                    done,
                    theirs,
                    shown.running,
                    limits,
                    planned.algorithms,
                    since=since,
                    say=partial(click.echo, err=True),
                )
            )
        except TooManyFailures:
            left = f"{counted(len(shown.open), 'cell')} before the end"
            click.echo(f"stopped after {counted(limits.failures or 0, 'failure')}, {left} (--max-failures)", err=True)
        except OSError as error:
            what = f"a record cannot be written to {store.root}: {error.strerror or error}"
            raise PluginError(f"{what}; {shown.count} are finished and kept") from None
        except KeyboardInterrupt:
            kept = f"{shown.count} are finished and kept in {store.root}"
            click.echo(f"\n{kept}; the same command goes on from there.", err=True)
            raise
    return shown.finished


def _folders(planned: Plan, data_root: Path | None) -> dict[str, Path]:
    """The data folders of the tasks on this machine, by `Cell.setting`. Raises DataMissing if it lacks one."""
    from benchmark.data.folders import DataFolders

    needed = dict.fromkeys((catalog.label(cell.task, cell.task_options), cell.setting) for cell in planned.run)
    return {setting: DataFolders(data_root).readable(label, planned.tasks[setting].source) for label, setting in needed}


def _told(settings: Settings, planned: Plan, store: Store, data_root: Path | None) -> Settings:
    """The settings with all starts and masks that cells need; warns of everything that users should know."""
    from benchmark.sweep.again import Here
    from benchmark.sweep.edge_limits import edge_limits
    from benchmark.sweep.sources import Sources
    from benchmark.sweep.starts import remarks

    starts = Here(store, settings.device, data_root).starts(planned.run, planned.tasks)
    found = Sources(store).files(planned.run, planned.algorithms)
    limits_of_edges = edge_limits(planned.run, planned.algorithms, planned.tasks, settings.folders)
    for remark in (*limits_of_edges, *remarks(starts, planned.tasks)):
        click.echo(f"Warning: {remark}", err=True)
    return replace(settings, starts=starts, found=found)
