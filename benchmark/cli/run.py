"""`bench run`: run the cells of a selection that have no record yet, and print the leaderboard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from benchmark import machine
from benchmark.cli.begins import begins, start_options
from benchmark.cli.leaderboard import print_board
from benchmark.cli.output import Split, console, flat, results_option, usable, warn
from benchmark.errors import PluginError, UsageError
from benchmark.leaderboard.tables.formats import plain
from benchmark.plugins import catalog, registry
from benchmark.plugins.algorithm import Control
from benchmark.records.outcome import Answer
from benchmark.records.record import Record
from benchmark.records.spelling import choices, spelled
from benchmark.records.store import Store
from benchmark.sweep import fork_server
from benchmark.sweep.interrupts import recorded

if TYPE_CHECKING:
    from benchmark.sweep.apart import Declarations, Declared
    from benchmark.sweep.plan import Plan
    from benchmark.sweep.started import Limits, Started

HEARTBEAT = 30.0
"""Seconds between progress lines if stderr is not a terminal."""


@click.command()
@click.option("--algo", "algorithms", multiple=True, required=True, help="Algorithms: imp, or imp:rewind=0.1,snip.")
@click.option("--task", "tasks", multiple=True, required=True, help="Tasks: mnist, or NAME:OPTION=VALUE,mnist.")
@click.option("--model", "models", type=Split(), multiple=True, help="Models.  [default: the task's first]")
@click.option("--sparsity", "sparsities", type=Split(float), multiple=True, help="In [0, 1).  [default: the task's]")
@click.option(
    "--pattern",
    "patterns",
    type=Split(),
    multiple=True,
    help="global, layer, N:M, blocks:RxC, channels or fan-in.  [default: global]",
)
@click.option(
    "--prunable",
    "prunables",
    type=Split(),
    multiple=True,
    help="all, no-first, no-last, no-ends, or names of matrices with *.  [default: all that the task prunes]",
)
@click.option(
    "--control",
    "controls",
    type=Split(),
    multiple=True,
    help="Also each method with one thing changed: " + ", ".join(get_args(Control)) + ".",
)
@click.option(
    "--edges", type=Split(), multiple=True, help="How many edges edge methods edit: a share (0.1) or a number (50)."
)
@click.option("--budget", help="Length of training: smoke, short or full.  [default: short]")
@click.option("--epochs", type=click.IntRange(1), help="Or so many passes through the training split.")
@click.option("--steps", type=click.IntRange(1), help="Or so many updates.")
@start_options
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="How many: 0, 1, ...")
@click.option("--seed", "chosen", type=Split(int), multiple=True, help="These seeds instead.")
@click.option("--jobs", type=click.IntRange(0), help="Cells at a time; 0: in this process.  [default: one per core]")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, or auto.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds that a cell may take.")
@click.option(
    "--stall",
    type=click.FloatRange(0, min_open=True),
    default=900.0,
    show_default=True,
    help="Seconds that a cell may go without progress.",
)
@click.option("--rerun", type=click.Choice(["missing", "failed", "stale", "all"]), default="missing", show_default=True)
@click.option("--dry-run", is_flag=True, help="Print the cells and stop.")
@click.option(
    "--data-root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the data sets.  [default: $PRUNEBENCH_DATA, then the user's cache]",
)
@results_option
@click.pass_context
def run(ctx: click.Context, /, results: Path, jobs: int | None, dry_run: bool, rerun: Any, **selected: Any) -> None:
    """Run algorithms on tasks and print the leaderboard.

    Cells that already have a record are not run again. After an interrupt, finished cells are kept.
    """
    ctx.with_resource(recorded())
    _warm_up([*selected["algorithms"], *selected["tasks"]], selected["device"], wanted=jobs != 0 and not dry_run)
    from benchmark.sweep.apart import Declarations
    from benchmark.sweep.left_out import left_out
    from benchmark.sweep.plan import Selection, plan
    from benchmark.sweep.started import Limits

    store = Store(results)
    selection = Selection(
        algorithms=choices(selected["algorithms"]),
        controls=flat(selected["controls"]),
        edges=flat(selected["edges"]),
        tasks=choices(selected["tasks"]),
        budget=_budget(selected["budget"], selected["epochs"], selected["steps"]),
        seeds=flat(selected["chosen"]) or list(range(selected["seeds"])),
        models=flat(selected["models"]),
        sparsities=_in_range(flat(selected["sparsities"])),
        patterns=flat(selected["patterns"]) or ["global"],
        prunables=flat(selected["prunables"]) or ["all"],
        **begins(selected["starts"], selected["finetunes"], store, selected["data_root"]),
    )
    declared = ctx.with_resource(Declarations())
    load = registry.algorithm if jobs == 0 and not dry_run else declared.algorithm
    planned, broken = plan(selection, store, rerun, load)
    warn(store, planned.cells)
    for problem in broken:
        click.echo(f"Warning: {problem}", err=True)
    device = usable(selected["device"])
    jobs = _jobs(jobs, device, len(planned.run))
    if selected["timeout"] and not jobs:
        raise UsageError("--timeout needs workers, and --jobs 0 starts none; leave out one or the other")
    _announce(planned, jobs, device)
    for little in left_out(planned.cells, planned.tasks):
        click.echo(f"Warning: {little}", err=True)
    if dry_run:
        for cell in planned.cells:
            click.echo(str(cell))
        return
    limits = Limits(selected["timeout"], selected["stall"])
    finished = _run(planned, store, jobs, device, limits, selected["data_root"], declared) if planned.run else []
    records: list[Answer] = [*planned.reused, *finished]
    print_board(records, "table")
    unsuccessful = [record for record in records if record.status not in ("ok", "skipped")]
    ctx.exit(3 if broken else 1 if unsuccessful else 0)


def _warm_up(texts: Sequence[str], device: str, wanted: bool) -> None:
    """Start the workers' fork server before this process imports torch, so that both import it in parallel.

    It imports the built-in tasks, and no algorithm: the referee is forked from it. If a GPU may be used, tasks are
    imported in the workers instead of the server: importing torch-geometric initialises CUDA, and CUDA that was
    initialised before a fork cannot be used after it.
    """
    pieces = [piece.partition(":")[0].strip() for text in texts for piece in text.split(",")]
    names = [name for piece in pieces for name in piece.split("+")]
    known = catalog.plugins("algorithm") | catalog.plugins("task")
    plugins = [known[name] for name in names if name in known]
    if wanted and plugins and all(name in known or "=" in name for name in names):
        tasks = [plugin for plugin in plugins if plugin.kind == "task" and plugin.distribution == catalog.BUILT_IN]
        fork_server.start([] if machine.may_be_cuda(device) else [plugin.module for plugin in tasks])


def _budget(name: str | None, epochs: int | None, steps: int | None) -> str:
    """The budget of the cells: a name, or a length, which no leaderboard mixes with a name."""
    lengths = [f"{count}-{unit}" for unit, count in (("epochs", epochs), ("steps", steps)) if count]
    given = [*lengths, *([name] if name else [])]
    if len(given) > 1:
        raise UsageError("--budget, --epochs and --steps each say how long to train; give one of them")
    return given[0] if given else "short"


def _in_range(sparsities: Sequence[float]) -> Sequence[float]:
    for sparsity in sparsities:
        if not 0 <= sparsity < 1:
            raise UsageError(f"sparsity must lie in [0, 1), got {sparsity:g}; 90% of the weights removed is 0.9")
    return sparsities


def _jobs(jobs: int | None, device: str, cells: int) -> int:
    if jobs is None:
        return 1 if device.startswith("cuda") else max(1, min(machine.cores(), cells))
    return jobs


def _announce(planned: Plan, jobs: int, device: str) -> None:
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


def _run(
    planned: Plan,
    store: Store,
    jobs: int,
    device: str,
    limits: Limits,
    data_root: Path | None,
    declared: Declarations,
) -> list[Record]:
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
