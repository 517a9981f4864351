"""Tables of what was measured of networks (`bench measure`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

from benchmark.errors import UsageError
from benchmark.leaderboard.rows import Row, TaskName, grouped
from benchmark.leaderboard.tables.formats import Rows
from benchmark.leaderboard.tables.plain import Facts, Tables, number, titles
from benchmark.leaderboard.tables.views import WHERE
from benchmark.results.cell import Cell
from benchmark.results.measured import Interval, Measurement
from benchmark.results.record import Record

WORDS = {True: "faster", False: "slower", None: "not told apart"}


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


def speed(
    records: Iterable[Record], measured: Callable[[Cell], Sequence[Measurement]], task_name: TaskName
) -> tuple[Tables, Facts]:
    """How much faster than dense networks those of each row were, in every runtime and for every size of batches.

    Args:
        measured: what was measured of the network of a cell.

    Raises:
        UsageError: nothing was measured of any network.
    """
    rows = [
        (row, conditions, several)
        for row, runs in grouped(records, task_name)
        for conditions, several in _by_machine(runs, measured).items()
    ]
    if not rows:
        raise UsageError("no network here was measured; run: bench measure KEY")
    heads = titles(row for row, _, _ in rows)
    tables: Tables = {}
    for row, (processor, threads), several in rows:
        how = f"{processor}, {threads} {'thread' if threads == 1 else 'threads'}"
        head = f"{heads[row.table]}; seconds of dense / seconds of ours, {how}"
        tables.setdefault(head, []).append(_speed(row, several))
    return {head: _even(table) for head, table in tables.items()}, [
        fact for row, _, several in rows for fact in _facts(row, several)
    ]


Machine = tuple[str, int]
"""A processor, and how many threads of it."""


def _by_machine(
    runs: Sequence[Record], measured: Callable[[Cell], Sequence[Measurement]]
) -> dict[Machine, list[list[Measurement]]]:
    """The measurements of each run's network, by machine."""
    found: dict[Machine, list[list[Measurement]]] = defaultdict(list)
    for run in runs:
        of_run: dict[Machine, list[Measurement]] = defaultdict(list)
        for one in measured(run.cell):
            of_run[str(one.where.get("processor")), one.threads].append(one)
        for machine, ones in of_run.items():
            found[machine].append(ones)
    return found


def _speed(row: Row, several: Sequence[Sequence[Measurement]]) -> dict[str, str]:
    by_way: dict[str, list[Measurement]] = defaultdict(list)
    for one in (one for ones in several for one in ones):
        by_way[f"{one.runtime}, {one.batch}"].append(one)
    smaller = [one.parent_size / one.size for ones in several for one in ones]
    return {
        "algorithm": row.label,
        "pattern": row.pattern,
        "sparsity": f"{row.sparsity:g}",
        row.metric: number(row.mean),
        "networks": str(len(several)),
        "smaller": f"{max(smaller):.1f}",
        **{way: _ratio(ones) for way, ones in by_way.items()},
    }


def _ratio(several: Sequence[Measurement]) -> str:
    """The median over networks. What is slower is called so."""
    verdicts = {one.faster.above_one for one in several}
    note = " slower" if verdicts == {False} else " (not told apart)" if verdicts != {True} else ""
    return f"{median(one.faster.median for one in several):.2f}{note}"


def _even(rows: Rows) -> list[dict[str, Any]]:
    """Rows with the columns of all of them."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name, "") for name in names} for row in rows]


def _facts(row: Row, several: Sequence[Sequence[Measurement]]) -> list[dict[str, Any]]:
    named = {name: getattr(row, name) for name in (*WHERE, "n", "mean")}
    return [named | one.model_dump() for ones in several for one in ones]


def _ms(seconds: Interval) -> str:
    return f"{1e3 * seconds.median:.3g}"


def _mb(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:.1f}"
