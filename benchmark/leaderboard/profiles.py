"""Aggregates over columns: performance profiles and mean ranks, and how much they depend on single tasks.

A column is one table at one pattern and sparsity. Averages are made over the largest complete block of methods and
columns (`blocks`); a method outside it is listed as incomplete. The sparsities of one task are not independent: each
task counts once.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmark.leaderboard.blocks import Block, Column, largest_block, task_of
from benchmark.leaderboard.comparisons import columns
from benchmark.leaderboard.rows import Row
from benchmark.leaderboard.statistics import critical_difference, friedman, ranks

T = TypeVar("T")


@dataclass(frozen=True)
class Profile:
    """How close a method comes to the best of each column (Dolan & More, 2002; AlgoPerf). Each task counts once.

    Args:
        ratios: for each task, the method's error over the smallest error of each of its columns; infinite where only
            the smallest is zero.
    """

    label: str
    algorithm: str
    ratios: Mapping[str, Sequence[float]]

    def within(self, factor: float) -> float:
        """Share of columns with an error of at most `factor` times the smallest, as a mean over tasks."""
        return _share(self.ratios, factor)

    def within_without(self, factor: float) -> tuple[float, float] | None:
        """Smallest and largest value of `within` when one task is left out; None with a single task."""
        shares = [_share(left, factor) for left in _without_each(self.ratios)]
        return (min(shares), max(shares)) if shares else None


@dataclass(frozen=True)
class MeanRank:
    """The mean, over tasks, of a method's mean rank over the columns of a task. Tied methods share their ranks.

    Args:
        mean: None if the method has no result in some column of the block.
        low, high: smallest and largest mean rank when one task is left out; None with a single task.
        missing: number of columns of the block in which the method has no result.
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

    The independent data sets of both are the tasks, with a method's mean rank over the columns of each; `low` and
    `high` of each method show how much depends on a single task.

    Args:
        methods: those of the block, best first, and then incomplete ones.
        block: the methods and columns that are averaged over.
        p: p-value of Friedman's test that all methods rank alike; None with fewer than 3 methods or 2 tasks.
        critical: difference in mean rank that is significant at 5 %; None whenever `p` is.
    """

    methods: tuple[MeanRank, ...]
    block: Block
    p: float | None
    critical: float | None


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
    """Return the profile of every method of the largest complete block, the best profile first.

    Raises:
        ValueError: a metric has no meaningful ratios; see `error`.
    """
    table = grid(rows)
    block = _block(table)
    ratios: dict[str, dict[str, list[float]]] = {label: {task: [] for task in block.tasks} for label in block.methods}
    names = {}
    for key in block.columns:
        errors = {row.label: error(row) for row in table[key] if row.label in block.methods}
        for row in table[key]:
            if row.label in errors:
                names[row.label] = row.algorithm
                ratios[row.label][task_of(key)].append(_ratio(errors[row.label], min(errors.values())))
    results = [Profile(label, names[label], by_task) for label, by_task in ratios.items()]
    return sorted(results, key=lambda profile: (-_area(profile), profile.label))


def mean_ranks(rows: Iterable[Row]) -> MeanRanks:
    """Rank the methods over the largest complete block of columns; see `MeanRanks`."""
    table = grid(rows)
    losses = {key: {row.label: row.loss for row in column} for key, column in table.items()}
    block = _block(table)
    complete = sorted(block.methods)
    by_column = {key: ranks([losses[key][label] for label in complete]) for key in block.columns}
    by_task = {task: _means([of for key, of in by_column.items() if task_of(key) == task]) for task in block.tasks}
    algorithms = {row.label: row.algorithm for column in table.values() for row in column}
    results = [_incomplete(label, algorithms[label], losses, block) for label in algorithms.keys() - block.methods]
    for place, label in enumerate(complete):
        own = {task: of[place] for task, of in by_task.items()}
        left = [statistics.fmean(rest.values()) for rest in _without_each(own)]
        low, high = (min(left), max(left)) if left else (None, None)
        results.append(MeanRank(label, algorithms[label], statistics.fmean(own.values()), low, high, 0))
    results.sort(key=lambda method: (method.mean is None, method.mean, method.label))
    tested = len(complete) > 2 and len(by_task) > 1
    p = friedman(list(by_task.values())) if tested else None
    critical = critical_difference(len(complete), len(by_task)) if tested else None
    return MeanRanks(tuple(results), block, p, critical)


def complete_block(rows: Iterable[Row]) -> Block:
    """Return the largest complete block of these rows, which `profiles` and `mean_ranks` are made of."""
    return _block(grid(rows))


def _block(table: Mapping[Column, Sequence[Row]]) -> Block:
    return largest_block({key: {row.label for row in column} for key, column in table.items()})


def _means(rows: list[list[float]]) -> list[float]:
    return [statistics.fmean(column) for column in zip(*rows, strict=True)]


def _incomplete(label: str, algorithm: str, losses: Mapping[Column, Mapping[str, float]], block: Block) -> MeanRank:
    missing = sum(label not in losses[key] for key in block.columns)
    return MeanRank(label, algorithm, None, None, None, missing)


def _without_each(by_task: Mapping[str, T]) -> list[dict[str, T]]:
    """Return the values with each task left out in turn; empty if there is a single task."""
    left = [{task: value for task, value in by_task.items() if task != out} for out in by_task]
    return left if len(by_task) > 1 else []


def grid(rows: Iterable[Row]) -> dict[Column, list[Row]]:
    """Return the columns with at least two methods, in order."""
    return {column[0].column: column for column in columns(rows) if len({row.label for row in column}) > 1}


def _ratio(value: float, least: float) -> float:
    if least == 0:
        return 1.0 if value == 0 else math.inf
    return value / least


def _share(ratios: Mapping[str, Sequence[float]], factor: float) -> float:
    near = (statistics.fmean(ratio <= factor * (1 + 1e-12) for ratio in of) for of in ratios.values())
    return statistics.fmean(near)


def _area(profile: Profile) -> float:
    """Return the area under the profile over log2 of the factor, from 1 to 4, as a mean over tasks."""
    areas = ([2 - min(2.0, math.log2(ratio)) for ratio in of] for of in profile.ratios.values())
    return statistics.fmean(statistics.fmean(of) for of in areas)
