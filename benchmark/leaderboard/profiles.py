"""Aggregates over columns: performance profiles and mean ranks, and how much they depend on single tasks.

A column is one table at one pattern and sparsity. A method without a result in some column is incomplete: it is listed
as such and gets no average, since an average over fewer columns would not be comparable.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from benchmark.leaderboard.comparisons import columns
from benchmark.leaderboard.rows import Row
from benchmark.leaderboard.statistics import critical_difference, friedman, ranks

Column = tuple[str | float, ...]
"""A value of `Row.column`; its first item is the task with its options."""

T = TypeVar("T")


@dataclass(frozen=True)
class Profile:
    """How close a method comes to the best of each column (Dolan & More, 2002; AlgoPerf).

    Args:
        ratios: for each column, the method's error over the smallest error of the column; infinite if only the
            smallest is zero; None if the method has no result in the column.
    """

    label: str
    algorithm: str
    ratios: Mapping[Column, float | None]

    @property
    def missing(self) -> int:
        """Number of columns in which the method has no result."""
        return sum(ratio is None for ratio in self.ratios.values())

    def within(self, factor: float) -> float:
        """Share of columns with an error of at most `factor` times the smallest; a missing column never counts."""
        return _share(self.ratios.values(), factor)

    def within_without(self, factor: float) -> tuple[float, float] | None:
        """Smallest and largest value of `within` when one task is left out; None with a single task."""
        shares = [_share(left, factor) for left in without_each_task(self.ratios)]
        return (min(shares), max(shares)) if shares else None


@dataclass(frozen=True)
class MeanRank:
    """Mean rank of a method over all columns. Tied methods share the mean of their ranks.

    Args:
        mean: None if the method has no result in some column.
        low, high: smallest and largest mean rank when one task is left out; None with a single task.
        missing: number of columns in which the method has no result.
    """

    label: str
    algorithm: str
    mean: float | None
    low: float | None
    high: float | None
    missing: int


@dataclass(frozen=True)
class MeanRanks:
    """Mean ranks of methods, with Friedman's test and Nemenyi's critical difference (Demsar, 2006).

    Both treat columns as independent data sets. The sparsities of one task are not independent, so with few tasks the
    critical difference is too small; `low` and `high` of each method show how much depends on a single task.

    Args:
        methods: best first, incomplete ones last.
        columns, tasks: numbers of columns and tasks averaged over.
        p: p-value of Friedman's test that all methods rank alike; None with fewer than 3 methods or 2 columns.
        critical: difference in mean rank that is significant at 5 %; None whenever `p` is.
    """

    methods: tuple[MeanRank, ...]
    columns: int
    tasks: int
    p: float | None
    critical: float | None


def counted(number: int, what: str) -> str:
    """Format a number with its noun: `1 task`, `2 tasks`."""
    return f"{number} {what}{'s' * (number != 1)}"


def error(row: Row) -> float:
    """Return the error of a row: 1 - mean for a metric with optimum 1, the mean itself for one with optimum 0.

    Raises:
        ValueError: the row has no result, or its metric is on neither scale, so that ratios of it are meaningless.
    """
    if row.mean is None:
        raise ValueError("a row without a result has no error")
    if row.direction == "max" and 0 <= row.mean <= 1:
        return 1 - row.mean
    if row.direction == "min" and row.mean >= 0:
        return row.mean
    raise ValueError(
        f"{row.metric} ({row.direction}) of {row.label} on {row.task} is {row.mean:.4g}: not on a scale of ratios"
    )


def profiles(rows: Iterable[Row]) -> list[Profile]:
    """Return the profile of every method over the columns with at least two methods, the best profile first.

    Raises:
        ValueError: a metric has no meaningful ratios; see `error`.
    """
    table = grid(rows)
    ratios: dict[str, dict[Column, float | None]] = defaultdict(lambda: dict.fromkeys(table))
    names = {}
    for key, column in table.items():
        errors = {row.label: error(row) for row in column}
        least = min(errors.values())
        for row in column:
            names[row.label] = row.algorithm
            ratios[row.label][key] = _ratio(errors[row.label], least)
    results = [Profile(label, names[label], dict(by_column)) for label, by_column in ratios.items()]
    return sorted(results, key=lambda profile: (-_area(profile), profile.label))


def mean_ranks(rows: Iterable[Row]) -> MeanRanks:
    """Rank the methods over the columns with at least two methods; see `MeanRanks`."""
    table = grid(rows)
    algorithms = {row.label: row.algorithm for column in table.values() for row in column}
    losses = {key: {row.label: row.loss for row in column} for key, column in table.items()}
    missing = {label: sum(label not in column for column in losses.values()) for label in algorithms}
    complete = [label for label in algorithms if not missing[label]]
    ranked = {key: ranks([by_column[label] for label in complete]) for key, by_column in losses.items()}
    results = [MeanRank(label, algorithms[label], None, None, None, n) for label, n in missing.items() if n]
    for place, label in enumerate(complete):
        by_column = {key: of[place] for key, of in ranked.items()}
        left = [statistics.fmean(rest) for rest in without_each_task(by_column)]
        low, high = (min(left), max(left)) if left else (None, None)
        results.append(MeanRank(label, algorithms[label], statistics.fmean(by_column.values()), low, high, 0))
    results.sort(key=lambda method: (method.mean is None, method.mean, method.label))
    tested = len(complete) > 2 and len(table) > 1
    p = friedman(list(ranked.values())) if tested else None
    critical = critical_difference(len(complete), len(table)) if tested else None
    return MeanRanks(tuple(results), len(table), len({task_of(key) for key in table}), p, critical)


def task_of(column: Column) -> str:
    """Return the name of a column's task, without options."""
    return str(column[0]).partition(":")[0]


def without_each_task(by_column: Mapping[Column, T]) -> list[list[T]]:
    """Return the values with each task left out in turn; empty if there is a single task."""
    tasks = sorted({task_of(key) for key in by_column})
    return (
        [[value for key, value in by_column.items() if task_of(key) != task] for task in tasks]
        if len(tasks) > 1
        else []
    )


def grid(rows: Iterable[Row]) -> dict[Column, list[Row]]:
    """Return the columns with at least two methods, in order."""
    return {column[0].column: column for column in columns(rows) if len({row.label for row in column}) > 1}


def _ratio(value: float, least: float) -> float:
    if least == 0:
        return 1.0 if value == 0 else math.inf
    return value / least


def _share(ratios: Collection[float | None], factor: float) -> float:
    return sum(ratio is not None and ratio <= factor * (1 + 1e-12) for ratio in ratios) / len(ratios)


def _area(profile: Profile) -> float:
    """Return the area under the profile over log2 of the factor, from 1 to 4."""
    logs = [min(2.0, math.log2(ratio)) for ratio in profile.ratios.values() if ratio is not None]
    return sum(2 - log for log in logs) / len(profile.ratios)
