"""`bench run`: run the cells of a selection that have no record yet, and print the leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmark.cli.answering import Means, answering
from benchmark.cli.dry_run import print_plan
from benchmark.cli.filters import measured
from benchmark.cli.launching import Place, launcher_options
from benchmark.cli.leaderboard import print_board
from benchmark.cli.output import data_root_option, format_option, machine_options, results_option
from benchmark.cli.selecting import said, selection_options
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
@click.option("--max-failures", type=click.IntRange(1), help="Stop when this many cells have failed.")
@click.option("--rerun", type=click.Choice(["missing", "failed", "stale", "all"]), default="missing", show_default=True)
@click.option("--dry-run", is_flag=True, help="Print what is done, what would run, and how long it would take.")
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

    What to compare is given by flags, or by a FILE with the same names in YAML, as --save writes it. Cells that already
    have a record are not run again. After an interrupt, finished cells are kept.
    """
    ctx.with_resource(recorded())
    means = Means(jobs, device, place, data_root, timeout, stall, max_failures, rerun)
    asked = ctx.with_resource(answering(said(ctx, **selected), Store(results), means, dry_run))
    for problem in asked.problems:
        click.echo(f"Warning: {problem}", err=True)
    asked.announce()
    if dry_run:
        print_plan(asked.plan, data_root, form)
        return
    records = asked.answer()
    print_board(records, form, measured(results))
    unsuccessful = [record for record in records if record.status not in WELL]
    ctx.exit(3 if asked.problems else 1 if unsuccessful else 0)
