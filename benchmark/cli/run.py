"""`bench run`: run the cells of a selection that have no record yet, and print the leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmark.cli.dry_run import print_plan
from benchmark.cli.launching import Place, device_at, launcher_for, launcher_options
from benchmark.cli.leaderboard import print_board
from benchmark.cli.output import data_root_option, format_option, machine_options, require_device, results_option, warn
from benchmark.cli.selecting import require_known, said, selection, selection_options
from benchmark.cli.sweeping import announce, sweep, warm_up
from benchmark.errors import UsageError
from benchmark.plugins import registry
from benchmark.results.outcome import Answer
from benchmark.results.record import WELL
from benchmark.results.store import Store
from benchmark.sweep.interrupts import recorded


@click.command()
@selection_options
@machine_options
@launcher_options
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds that a cell may take.")
@click.option(
    "--stall",
    type=click.FloatRange(0, min_open=True),
    default=900.0,
    show_default=True,
    help="Seconds that a cell may go without progress.",
)
@click.option("--max-failures", type=click.IntRange(1), help="Stop when so many cells have failed.")
@click.option("--rerun", type=click.Choice(["missing", "failed", "stale", "all"]), default="missing", show_default=True)
@click.option("--dry-run", is_flag=True, help="Print what is done, what is to run, and how long it takes; and stop.")
@data_root_option
@results_option
@format_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    results: Path,
    jobs: int | None,
    device: str,
    place: Place,
    timeout: float | None,
    stall: float,
    max_failures: int | None,
    dry_run: bool,
    rerun: Any,
    data_root: Path | None,
    form: str,
    **selected: Any,
) -> None:
    """Run algorithms on tasks and print the leaderboard.

    What to compare is said by flags, or by a FILE with the same words in YAML, as --save writes it. Cells that already
    have a record are not run again. After an interrupt, finished cells are kept.
    """
    ctx.with_resource(recorded())
    parts = said(ctx, **selected)
    for part in parts:
        require_known(part)
    require_device(device)
    if timeout and jobs == 0:
        raise UsageError("--timeout needs workers, and --jobs 0 starts none; leave out one or the other")
    if jobs != 0 and not dry_run and place.is_here:
        warm_up([name for part in parts for name in (*part.get("algo", []), *part.get("task", []))], device)
    from benchmark.sweep.apart import Declarations
    from benchmark.sweep.left_out import left_out
    from benchmark.sweep.plan import Plan, plan
    from benchmark.sweep.started import Limits

    store = Store(results)
    declared = ctx.with_resource(Declarations())
    load = registry.algorithm if jobs == 0 and not dry_run else declared.algorithm
    plans = [plan(selection(part, store, data_root), store, rerun, load) for part in parts]
    planned = Plan.whole([one for one, _ in plans])
    broken = dict.fromkeys(str(problem) for _, problems in plans for problem in problems)
    warn(store, planned.cells)
    for problem in broken:
        click.echo(f"Warning: {problem}", err=True)
    device = device_at(place, device)
    launcher = launcher_for(place, len(planned.run), device, jobs, data_root)
    announce(planned, launcher)
    for little in left_out(planned.cells, planned.tasks):
        click.echo(f"Warning: {little}", err=True)
    if dry_run:
        print_plan(planned, data_root, form)
        return
    limits = Limits(timeout, stall, max_failures)
    finished = (
        sweep(planned, store, launcher, device, limits, data_root, declared, place.processes, place.sparse_below)
        if planned.run
        else []
    )
    records: list[Answer] = [*planned.reused, *finished]
    print_board(records, form)
    unsuccessful = [record for record in records if record.status not in WELL]
    ctx.exit(3 if broken else 1 if unsuccessful else 0)
