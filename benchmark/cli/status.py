"""`bench status`: how far a sweep has come, or what happens in a results folder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmark.cli.output import data_root_option, emit, format_option, results_option, warn
from benchmark.cli.progress import duration, in_words
from benchmark.leaderboard.tables.formats import plain
from benchmark.results.outcome import Outcome
from benchmark.results.record import WELL
from benchmark.results.store import Store

if TYPE_CHECKING:
    from benchmark.sweep.leases import Lease
    from benchmark.sweep.plan import Plan

Tables = dict[str, list[dict[str, Any]]]


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--watch", type=click.FloatRange(0.1), help="Print it again every this many seconds, until the end.")
@data_root_option
@results_option
@format_option
def status(file: Path | None, watch: float | None, data_root: Path | None, results: Path, form: str) -> None:
    """How far the sweep in a FILE has come: done, running and where, failed and why, left.

    Without FILE: what the results folder contains, and what is running there.
    """
    while True:
        tables, over = _state(file, Store(results), data_root)
        emit(form, tables, [{"table": name, **row} for name, rows in tables.items() for row in rows])
        if over or watch is None:
            return
        time.sleep(watch)


def _state(file: Path | None, store: Store, data_root: Path | None) -> tuple[Tables, bool]:
    """The tables at this moment, and whether nothing is left to wait for."""
    from benchmark.sweep.leases import held

    running = dict(held(store.leases))
    if file is None:
        outcomes = store.outcomes()
        tables: Tables = {str(store.root): [_counts(outcomes) | {"running": len(running)}]}
        over = not running
    else:
        planned = _planned(file, store, data_root)
        outcomes, left = planned.reused, [cell for cell in planned.run if cell.key not in running]
        running = {cell.key: running[cell.key] for cell in planned.run if cell.key in running}
        time_left = _time(planned, len(running))
        rest = {"running": len(running), "left": len(left), "time left": time_left}
        tables, over = {str(file): [_counts(outcomes) | rest]}, not planned.run
    warn(store)
    more = {"running": _at_work(running), "not ok": _failed(outcomes, store)}
    return tables | {name: rows for name, rows in more.items() if rows}, over


def _planned(file: Path, store: Store, data_root: Path | None) -> Plan:
    from benchmark.cli.selecting import selection
    from benchmark.sweep.apart import Declarations
    from benchmark.sweep.plan import Plan, plan
    from benchmark.sweep.sweep_file import read

    with Declarations() as declared:
        selections = [selection(part, store, data_root) for part in read(file)]
        return Plan.whole([plan(one, store, "missing", declared.algorithm)[0] for one in selections])


def _counts(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    counts: dict[str, Any] = dict(sorted(Counter(outcome.status for outcome in outcomes).items()))
    return {"done": len(outcomes)} | counts


def _time(planned: Plan, jobs: int) -> str:
    from benchmark.sweep.estimate import estimate

    expected = estimate(planned.run, planned.times(), max(1, jobs))
    return in_words(expected) if expected else "not known"


def _at_work(running: Mapping[str, Lease]) -> list[dict[str, Any]]:
    now = time.time()
    return [
        {"key": key[:8], "for": duration(max(0.0, now - one.since)), "cell": one.cell, "by": str(one.holder)}
        for key, one in running.items()
    ]


def _failed(outcomes: Sequence[Outcome], store: Store) -> list[dict[str, Any]]:
    bad = [outcome for outcome in outcomes if outcome.status not in WELL]
    records = [record for outcome in bad if (record := store.get(outcome.cell))]
    return [
        {"key": record.key[:8], "status": record.status, "cell": str(record.cell), "why": plain(record.error)}
        for record in records
    ]
