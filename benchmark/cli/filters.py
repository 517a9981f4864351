"""The options that select records, shared by `bench leaderboard`, `compare` and `plot`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from benchmark.cli.completion import names_of
from benchmark.cli.output import Split, flat, results_option, warn
from benchmark.errors import UsageError
from benchmark.leaderboard.agreeing import agreeing
from benchmark.leaderboard.tables.formats import plain
from benchmark.leaderboard.worth import Measured
from benchmark.plugins import catalog
from benchmark.plugins.in_files import known
from benchmark.results.measured import every_measurement
from benchmark.results.outcome import Answer, Outcome
from benchmark.results.record import Record
from benchmark.results.spelling import Choice, choices, named
from benchmark.results.store import Store

A = TypeVar("A", bound=Answer)

FILTERS = [
    click.option(
        "-t",
        "--task",
        "tasks",
        multiple=True,
        shell_complete=names_of("task"),
        help="Only these tasks: mnist, or NAME:OPTION=VALUE.",
    ),
    click.option("-m", "--model", "models", type=Split(), multiple=True, help="Only these models."),
    click.option("-b", "--budget", "budgets", type=Split(), multiple=True, help="Only these budgets."),
    click.option(
        "-a",
        "--algo",
        "algorithms",
        multiple=True,
        shell_complete=names_of("algorithm"),
        help="Only these algorithms: imp, or imp:rewind=0.1,snip.",
    ),
    click.option("-p", "--pattern", "patterns", type=Split(), multiple=True, help="Only these patterns, and dense."),
    click.option(
        "-s", "--sparsity", "sparsities", type=Split(float), multiple=True, help="Only these sparsities, and dense."
    ),
]


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--results` and the options that select records to a command."""
    command = results_option(command)
    for option in reversed(FILTERS):
        command = option(command)
    return command


def selected(results: Path, **wanted: Any) -> list[Outcome]:
    """Return the outcomes of the records in a folder that match the filters. Warns about unreadable records.

    Raises:
        UsageError: the folder does not exist, or no record matches.
    """
    return _fitting(results, Store.outcomes, wanted)


def whole_records(results: Path, **wanted: Any) -> list[Record]:
    """Return the same records in full, for uses that need layers, edits or provenance. Slower than `selected`."""
    return _fitting(results, Store.records, wanted)


def measured(results: Path) -> Measured:
    """Return the results of `bench measure` in a folder, by the key of a record. Warns about unreadable files."""
    found, problems = every_measurement(results)
    for problem in problems:
        click.echo(f"Warning: skipped {plain(problem)}", err=True)
    return lambda key: found.get(key, ())


def _fitting(results: Path, read: Callable[[Store], list[A]], wanted: Mapping[str, Any]) -> list[A]:
    if not results.is_dir():
        raise UsageError(f"there is no folder {results}; fill one with: bench run --algo imp,snip,random --task digits")
    store = Store(results)
    records, disagreeing = agreeing(read(store))
    store.problems += disagreeing
    warn(store)
    asked = _read(wanted)
    matching = [record for record in records if _fits(record, **asked)]
    if not matching:
        held = f"; it holds {_held(records)}" if records else ""
        raise UsageError(
            f"no record in {results} fits{held}; fill it with: bench run --algo imp,snip,random --task digits"
        )
    return matching


def _read(wanted: Mapping[str, Any]) -> dict[str, Any]:
    names = {name: flat(wanted[name]) for name in ("models", "budgets", "patterns", "sparsities")}
    tasks, algorithms = known(choices(wanted["tasks"]), "task"), known(choices(wanted["algorithms"]), "algorithm")
    return names | {"tasks": tasks, "algorithms": algorithms}


def _fits(
    record: Answer,
    tasks: Sequence[Choice],
    models: Sequence[str],
    budgets: Sequence[str],
    algorithms: Sequence[Choice],
    patterns: Sequence[str],
    sparsities: Sequence[float],
) -> bool:
    cell = record.cell
    absent = catalog.absent(cell.task, "task")
    options = {**catalog.absent(cell.algorithm), **cell.options}
    dense = cell.sparsity == 0
    return (
        (not tasks or any(named(choice, cell.task, {**absent, **cell.task_options}) for choice in tasks))
        and (not models or cell.model in models)
        and (not budgets or cell.budget in budgets)
        and (not algorithms or any(named(choice, cell.algorithm, options) for choice in algorithms))
        and (not patterns or dense or cell.pattern in patterns or cell.scope in patterns)
        and (not sparsities or dense or any(abs(cell.sparsity - level) < 1e-9 for level in sparsities))
    )


def _held(records: Iterable[Answer]) -> str:
    """Name the tasks and algorithms of records, up to eight of each."""
    held = []
    for what in ("task", "algorithm"):
        names = sorted({getattr(record.cell, what) for record in records})
        more = ", ..." if len(names) > 8 else ""
        held.append(f"{what} {', '.join(names[:8])}{more}")
    return " and ".join(held)
