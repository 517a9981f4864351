"""Tables of the measurements of networks (`bench measure`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from benchmark.errors import UsageError
from benchmark.leaderboard.rows import Row, TaskName, grouped
from benchmark.leaderboard.tables.formats import Rows
from benchmark.leaderboard.tables.plain import Facts, Tables, number, titles
from benchmark.leaderboard.tables.views import WHERE
from benchmark.leaderboard.tables.worth import WORDS, columns
from benchmark.leaderboard.worth import Measured
from benchmark.results.measured import Interval, Measurement
from benchmark.results.record import Record


def measured_rows(found: Sequence[Measurement]) -> Rows:
    """A row for each runtime and batch of one network."""
    return [
        {
            "runtime": one.runtime,
            "batch": str(one.batch),
            "ms": _ms(one.seconds),
            "dense, ms": _ms(one.parent_seconds),
            "dense / ours": f"{one.faster.median:.2f}",
            "95% interval": f"[{one.faster.low:.2f}, {one.faster.high:.2f}]",
            "": WORDS[one.faster.above_one],
            "memory, MB": _mb(one.memory),
            "dense, MB": _mb(one.parent_memory),
            "size, kB": f"{one.size / 1e3:,.0f}",
            "dense, kB": f"{one.parent_size / 1e3:,.0f}",
        }
        for one in found
    ]


def speed(records: Sequence[Record], task_name: TaskName, measured: Measured) -> tuple[Tables, Facts]:
    """How much faster than dense networks those of each row were, with a table for every machine and its versions.

    Raises:
        UsageError: no network was measured.
    """
    rows = [(row, runs) for row, runs in grouped(records, task_name, measured=measured) if row.worth]
    if not rows:
        raise UsageError("no network here was measured; run: bench measure KEY")
    heads = titles(row for row, _ in rows)
    by_place: dict[tuple[tuple[str, str, str], str], list[Row]] = defaultdict(list)
    for row, _ in rows:
        for place in sorted({way.place for way in row.worth}):
            here = {way: worth for way, worth in row.worth.items() if way.place == place}
            by_place[row.table, place].append(replace(row, worth=here))
    tables = {f"{heads[table]}; {columns(several).about}": _speed(several) for (table, _), several in by_place.items()}
    return tables, [fact for row, runs in rows for fact in _facts(row, runs, measured)]


def _speed(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Rows with their measurements in one place."""
    shown = columns(rows)
    return [
        {
            "algorithm": row.label,
            "pattern": row.pattern,
            "sparsity": f"{row.sparsity:g}",
            row.metric: number(row.mean),
            **shown.cells(row),
        }
        for row in rows
    ]


def _facts(row: Row, runs: Iterable[Record], measured: Measured) -> list[dict[str, Any]]:
    named = {name: getattr(row, name) for name in (*WHERE, "n", "mean")}
    return [named | {"key": run.key} | one.model_dump() for run in runs for one in measured(run.key)]


def _ms(seconds: Interval) -> str:
    return f"{1e3 * seconds.median:.3g}"


def _mb(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:.1f}"
