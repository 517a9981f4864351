"""Aggregates over columns (a task's table at one pattern and sparsity): what holds across them, and how firmly.

A method that lacks a column is incomplete: it is named, and not averaged over the columns that it has.
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
"""See `Row.column`; the task, with its options, comes first."""


T = TypeVar("T")


@dataclass(frozen=True)
class Profile:
    """How close a method comes to the best of each column (Dolan & More, 2002; AlgoPerf).

    Args:
        ratios: by column, error over the least error of the column; infinite where the best has none and this one has;
            None where the method lacks the column.
    """

    label: str
    algorithm: str
    ratios: Mapping[Column, float | None]

    @property
    def missing(self) -> int:
        """Columns that it lacks."""
        return sum(ratio is None for ratio in self.ratios.values())

    def within(self, factor: float) -> float:
        """Share of all columns whose error is at most `factor` times the least; one that is lacking never is."""
        return _share(self.ratios.values(), factor)

    def within_without(self, factor: float) -> tuple[float, float] | None:
        """The least and the greatest such share when any one task is left out; None with a single task."""
        shares = [_share(left, factor) for left in without_each_task(self.ratios)]
        return (min(shares), max(shares)) if shares else None


@dataclass(frozen=True)
class MeanRank:
    """Mean rank of a method over the columns, ties shared.

    Args:
        mean: None where the method lacks a column.
        low, high: the least and the greatest mean rank when any one task is left out; None with a single task.
    """

    label: str
    algorithm: str
    mean: float | None
    low: float | None
    high: float | None
    missing: int


@dataclass(frozen=True)
class MeanRanks:
    """Mean ranks, best first, the incomplete last; Friedman's test, Nemenyi's critical difference (Demsar, 2006).

    Both take columns for independent data sets. Sparsities of one task are not, so that with few tasks the critical
    difference is too small; `low` and `high` of each method say how much hangs on one task.

    Args:
        columns, tasks: how many were averaged over.
        p: that all rank alike; None with fewer than 3 methods or 2 columns.
        critical: mean ranks further apart differ at 5 %; None where p is.
    """

    methods: tuple[MeanRank, ...]
    columns: int
    tasks: int
    p: float | None
    critical: float | None


def counted(number: int, what: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number} {what}{'s' * (number != 1)}"


def error(row: Row) -> float:
    """What ratios are taken of: 1 - value for a metric that is best at 1, the value itself for one that is best at 0.

    Raises:
        ValueError: the metric is on neither scale, so that ratios of it mean nothing.
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
    """Of every method, over the columns that at least two have; the one that is near the best most often comes first.

    Raises:
        ValueError: a metric has no ratios; see `error`.
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
    """Over the columns that at least two methods have; see `MeanRanks`."""
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
    """The task of a column, without its options: what is left out to see how much hangs on it."""
    return str(column[0]).partition(":")[0]


def without_each_task(by_column: Mapping[Column, T]) -> list[list[T]]:
    """The values with each task left out in turn; nothing where there is a single one."""
    tasks = sorted({task_of(key) for key in by_column})
    return (
        [[value for key, value in by_column.items() if task_of(key) != task] for task in tasks]
        if len(tasks) > 1
        else []
    )


def grid(rows: Iterable[Row]) -> dict[Column, list[Row]]:
    """The columns that at least two methods have, in order."""
    return {column[0].column: column for column in columns(rows) if len({row.label for row in column}) > 1}


def _ratio(value: float, least: float) -> float:
    if least == 0:
        return 1.0 if value == 0 else math.inf
    return value / least


def _share(ratios: Collection[float | None], factor: float) -> float:
    return sum(ratio is not None and ratio <= factor * (1 + 1e-12) for ratio in ratios) / len(ratios)


def _area(profile: Profile) -> float:
    """Under the profile, over log2 of the factor from 1 to 4."""
    logs = [min(2.0, math.log2(ratio)) for ratio in profile.ratios.values() if ratio is not None]
    return sum(2 - log for log in logs) / len(profile.ratios)
