"""`bench run`: run the cells of a selection that have no record yet, and print the leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import click

from benchmark.cli.begins import begins, start_options
from benchmark.cli.leaderboard import print_board
from benchmark.cli.output import Split, data_root_option, flat, machine_options, results_option, usable, warn
from benchmark.cli.sweeping import announce, jobs_for, sweep, warm_up
from benchmark.errors import UsageError
from benchmark.plugins import registry
from benchmark.plugins.algorithm import Control
from benchmark.records.outcome import Answer
from benchmark.records.spelling import choices
from benchmark.records.store import Store
from benchmark.sweep.interrupts import recorded


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
@machine_options
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
@data_root_option
@results_option
@click.pass_context
def run(ctx: click.Context, /, results: Path, jobs: int | None, dry_run: bool, rerun: Any, **selected: Any) -> None:
    """Run algorithms on tasks and print the leaderboard.

    Cells that already have a record are not run again. After an interrupt, finished cells are kept.
    """
    ctx.with_resource(recorded())
    if jobs != 0 and not dry_run:
        warm_up([*selected["algorithms"], *selected["tasks"]], selected["device"])
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
    jobs = jobs_for(jobs, device, len(planned.run))
    if selected["timeout"] and not jobs:
        raise UsageError("--timeout needs workers, and --jobs 0 starts none; leave out one or the other")
    announce(planned, jobs, device)
    for little in left_out(planned.cells, planned.tasks):
        click.echo(f"Warning: {little}", err=True)
    if dry_run:
        for cell in planned.cells:
            click.echo(str(cell))
        return
    limits = Limits(selected["timeout"], selected["stall"])
    finished = sweep(planned, store, jobs, device, limits, selected["data_root"], declared) if planned.run else []
    records: list[Answer] = [*planned.reused, *finished]
    print_board(records, "table")
    unsuccessful = [record for record in records if record.status not in ("ok", "skipped")]
    ctx.exit(3 if broken else 1 if unsuccessful else 0)


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
