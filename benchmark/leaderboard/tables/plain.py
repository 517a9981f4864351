"""Builds the plain leaderboard: titled tables with values formatted as text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from benchmark.leaderboard.blocks import counted
from benchmark.leaderboard.comparisons import Comparison, Standing, compare_all, standings
from benchmark.leaderboard.rows import Row, shows_patterns
from benchmark.leaderboard.tables.worth import columns, worth_facts

Tables = dict[str, list[dict[str, str]]]
"""Rows of formatted values, by title of the table."""

Facts = list[dict[str, Any]]
"""Rows with all values, unformatted, for JSON and CSV."""


def boards(rows: Sequence[Row]) -> Tables:
    """Return one table for each task (with its options), model and budget, in the order of the rows.

    A table without standings, such as one of single seeds, has no column of ranks. One in which networks were measured
    has columns with what their zeros were worth.
    """
    tables: Tables = {}
    patterns = shows_patterns(row.pattern for row in rows)
    comparisons = compare_all(rows)
    places = standings(rows, comparisons)
    ranked = {row.table for row, standing in zip(rows, places, strict=True) if standing}
    tests, heads = _tests(comparisons), titles(rows)
    worth = {table: columns(several) for table, several in by_table(rows).items()}
    for row, standing in zip(rows, places, strict=True):
        about = tests[row.table] if row.table in ranked else ""
        rank = {"rank": str(standing or "")} if row.table in ranked else {}
        measured, notes = worth[row.table], {"": _notes(row, standing)}
        shown = rank | _display_row(row, patterns) | measured.cells(row) | notes
        title = "; ".join(filter(None, (heads[row.table], about, measured.about)))
        tables.setdefault(title, []).append(shown)
    return tables


def by_table(rows: Iterable[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """Return the rows of each table, in order."""
    found: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row.table].append(row)
    return found


def board_facts(rows: Sequence[Row]) -> Facts:
    """Return the rows of `boards` with all values, unformatted."""
    facts, measured = [], any(row.worth for row in rows)
    for row, standing in zip(rows, standings(rows), strict=True):
        rank = standing or Standing(0, 0, 0, ())
        ranks = {"rank_best": rank.best or None, "rank_worst": rank.worst or None, "rank_of": rank.of or None}
        worth = worth_facts(row) if measured else {}
        facts.append(_columns(row) | ranks | {"missing_seeds": list(rank.missing)} | worth)
    return facts


def titles(rows: Iterable[Row], before: str = "") -> dict[tuple[str, str, str], str]:
    """Return the title of each table. Tables that would have the same title show every option of their task.

    Args:
        before: text before the metric, such as `difference in `.
    """
    first: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        first.setdefault(row.table, row)
    count = Counter((place(row), row.budget) for row in first.values())
    by_table = {}
    for table, row in first.items():
        where = place(row) if count[place(row), row.budget] == 1 else " / ".join(table[:2])
        way = "higher" if row.direction == "max" else "lower"
        by_table[table] = f"{where}, budget {row.budget}: {before}{row.metric} on the test split ({way} is better)"
    return by_table


def place(row: Row) -> str:
    """Return the name of a row's task, and its model."""
    return f"{row.task_name} / {row.model}"


def several(values: Iterable[object]) -> bool:
    """Return whether there is more than one distinct value."""
    return len(set(values)) > 1


def number(value: float | None) -> str:
    """Format a metric with four digits; None gives an empty string."""
    return "" if value is None else f"{value:.4f}"


def interval(low: float | None, high: float | None, sign: str = "") -> str:
    """Format an interval with four digits; None gives an empty string.

    Args:
        sign: `+` shows the sign of positive ends too.
    """
    return "" if low is None or high is None else f"[{low:{sign}.4f}, {high:{sign}.4f}]"


def chance(p: float | None) -> str:
    """Format a p-value; None gives an empty string."""
    return "" if p is None else "<0.0001" if p < 1e-4 else f"{p:.4f}"


def _display_row(row: Row, patterns: bool) -> dict[str, str]:
    cost = row.cost
    return {
        "algorithm": row.label,
        **({"pattern": row.pattern} if patterns else {}),
        "sparsity": f"{row.sparsity:g}",
        row.metric: number(row.mean),
        "std": number(row.std),
        "95% interval": interval(row.ci_low, row.ci_high),
        "n": str(row.n),
        "trainings": f"{cost['trainings']:.1f}" if cost else "",
        "GFLOPs": f"{(row.flops or 0) / 1e9:,.1f}" if cost else "",
        "seconds": f"{cost['seconds']:,.1f}" if cost else "",
    }


def _notes(row: Row, standing: Standing | None) -> str:
    """Return remarks on a row: its verified runs, unsuccessful runs and missing seeds."""
    notes = [f"{n} {what}" for what in ("failed", "diverged", "skipped", "timeout") if (n := getattr(row, what))]
    if row.verified:
        notes.insert(0, "verified" if row.verified == row.n else f"{row.verified} of {row.n} verified")
    if row.unrefereed:
        notes.append(f"{row.unrefereed} not refereed")
    if row.noted:
        notes.append(f"{row.noted} with notes (bench show)")
    if standing and standing.missing:
        notes.insert(0, f"incomplete: {row.n} of {row.n + len(standing.missing)} seeds")
    return ", ".join(notes)


def how(comparisons: Sequence[Comparison]) -> str:
    """Say which tests gave the p-values of a table, over how many rows variances were pooled, and the correction."""
    tests = Counter(one.difference.test for one in comparisons if one.difference.test)
    sizes = [one.difference.rows for one in comparisons if one.difference.rows]
    over = (
        f" over {min(sizes)} to {max(sizes)} rows"
        if several(sizes)
        else f" over {counted(sizes[0], 'row')}"
        if sizes
        else ""
    )
    names = (f"{test}{over if test == 'pooled t' else ''}" for test, _ in tests.most_common())
    return f"{', '.join(names) or 'untested'}; {comparisons[0].correction} over {counted(tests.total(), 'pair')}"


def _tests(comparisons: Sequence[Comparison]) -> dict[tuple[str, ...], str]:
    """Return, for each table, what its ranks are based on."""
    by_table: dict[tuple[str, ...], list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        by_table[comparison.a.table].append(comparison)
    return {table: f"ranks: {how(of)}" for table, of in by_table.items()}


def _columns(row: Row) -> dict[str, Any]:
    """Return the fields of a row that are part of JSON and CSV output."""
    left_out = ("edited", "task_name", "noted", "unrefereed", "worth")
    return {name: value for name, value in asdict(row).items() if name not in left_out}
