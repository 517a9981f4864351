"""Aggregates over columns (a task's table at one pattern and sparsity): what holds across them, and how firmly.

A method that lacks a column is incomplete: it is named, and not averaged over the columns that it has.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmark.leaderboard.compare import columns, standings
from benchmark.leaderboard.rows import Row
from benchmark.statistics import critical_difference, friedman, ranks

Column = tuple[str | float, ...]


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
        near = sum(ratio is not None and ratio <= factor * (1 + 1e-12) for ratio in self.ratios.values())
        return near / len(self.ratios)


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


@dataclass(frozen=True)
class Region:
    """Neighbouring sparsities at which the same method has the best mean rank over the tables that have them.

    Args:
        winner: its label; several with `, ` between them where they tie.
        shared: methods whose rank interval begins at 1 in every one of these columns: not separated from the winner.
        tables: over how many (task, model, budget) it was averaged, the fewest of any sparsity.
        without: by task, whether the winner stays one all over the region when that task is left out.
        incomplete: methods that lack a table at one of these sparsities, and were not considered.
    """

    pattern: str
    low: float
    high: float
    winner: str
    shared: tuple[str, ...]
    tables: int
    without: Mapping[str, bool]
    incomplete: tuple[str, ...]


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
    grid = _grid(rows)
    ratios: dict[str, dict[Column, float | None]] = defaultdict(lambda: dict.fromkeys(grid))
    names = {}
    for key, column in grid.items():
        errors = {row.label: error(row) for row in column}
        least = min(errors.values())
        for row in column:
            names[row.label] = row.algorithm
            ratios[row.label][key] = _ratio(errors[row.label], least)
    found = [Profile(label, names[label], dict(own)) for label, own in ratios.items()]
    return sorted(found, key=lambda profile: (-_area(profile), profile.label))


def mean_ranks(rows: Iterable[Row]) -> MeanRanks:
    """Over the columns that at least two methods have; see `MeanRanks`."""
    grid = _grid(rows)
    algorithms = {row.label: row.algorithm for column in grid.values() for row in column}
    losses = {key: {row.label: row.loss for row in column} for key, column in grid.items()}
    missing = {label: sum(label not in column for column in losses.values()) for label in algorithms}
    complete = [label for label in algorithms if not missing[label]]
    ranked = {
        key: dict(zip(complete, ranks([own[label] for label in complete]), strict=True)) for key, own in losses.items()
    }
    tasks = {key: column[0].task for key, column in grid.items()}
    found = []
    for label, algorithm in algorithms.items():
        own = {key: of[label] for key, of in ranked.items() if label in of}
        means = _without_each(own, tasks) if label in complete else []
        low, high = (min(means), max(means)) if means else (None, None)
        mean = statistics.fmean(own.values()) if label in complete else None
        found.append(MeanRank(label, algorithm, mean, low, high, missing[label]))
    found.sort(key=lambda method: (method.mean is None, method.mean, method.label))
    tested = len(complete) > 2 and len(grid) > 1
    p = friedman([[own[label] for label in complete] for own in losses.values()]) if tested else None
    critical = critical_difference(len(complete), len(grid)) if tested else None
    return MeanRanks(tuple(found), len(grid), len(set(tasks.values())), p, critical)


def winners(rows: Iterable[Row]) -> list[Region]:
    """Who wins where: regions of sparsity, by pattern."""
    rows = list(rows)
    first = {id(row) for row, standing in zip(rows, standings(rows), strict=True) if standing and standing.best == 1}
    levels: dict[tuple[str, float], list[list[Row]]] = defaultdict(list)
    for column in _grid(rows).values():
        levels[column[0].pattern, column[0].sparsity].append(column)
    regions: list[Region] = []
    for (pattern, sparsity), tables in sorted(levels.items()):
        region = _level(pattern, sparsity, tables, first)
        if regions and (regions[-1].pattern, regions[-1].winner) == (pattern, region.winner):
            region = _joined(regions.pop(), region)
        regions.append(region)
    return regions


def _grid(rows: Iterable[Row]) -> dict[Column, list[Row]]:
    """The columns that at least two methods have, in order."""
    return {column[0].column: column for column in columns(rows) if len({row.label for row in column}) > 1}


def _ratio(own: float, least: float) -> float:
    if least == 0:
        return 1.0 if own == 0 else math.inf
    return own / least


def _area(profile: Profile) -> float:
    """Under the profile, over log2 of the factor from 1 to 4."""
    logs = [min(2.0, math.log2(ratio)) for ratio in profile.ratios.values() if ratio is not None]
    return sum(2 - log for log in logs) / len(profile.ratios)


def _without_each(own: Mapping[Column, float], tasks: Mapping[Column, str]) -> list[float]:
    """The mean with each task left out in turn; none where there is a single one."""
    left = [[rank for key, rank in own.items() if tasks[key] != task] for task in sorted(set(tasks.values()))]
    return [statistics.fmean(ranks) for ranks in left if ranks]


def _level(pattern: str, sparsity: float, tables: Sequence[Sequence[Row]], first: set[int]) -> Region:
    present = [{row.label for row in table} for table in tables]
    complete, anyone = set.intersection(*present), set.union(*present)
    winner = _best(tables, complete)
    open_ = [{row.label for row in table if id(row) in first} for table in tables]
    tasks = sorted({table[0].task for table in tables})
    rest = {task: [table for table in tables if table[0].task != task] for task in tasks}
    without = (
        {task: bool(left) and winner <= _best(left, complete) for task, left in rest.items()} if len(tasks) > 1 else {}
    )
    shared = tuple(sorted(set.intersection(*open_) & complete - winner))
    incomplete = tuple(sorted(anyone - complete))
    return Region(pattern, sparsity, sparsity, ", ".join(sorted(winner)), shared, len(tables), without, incomplete)


def _best(tables: Sequence[Sequence[Row]], labels: set[str]) -> set[str]:
    """Those of the labels, all of which every table has, with the least mean rank."""
    total: dict[str, float] = defaultdict(float)
    for table in tables:
        own = [row for row in table if row.label in labels]
        for row, rank in zip(own, ranks([row.loss for row in own]), strict=True):
            total[row.label] += rank
    return {label for label, rank in total.items() if rank == min(total.values())}


def _joined(a: Region, b: Region) -> Region:
    tasks = a.without.keys() | b.without.keys()
    return Region(
        a.pattern,
        a.low,
        b.high,
        a.winner,
        tuple(sorted(set(a.shared) & set(b.shared))),
        min(a.tables, b.tables),
        {task: a.without.get(task, True) and b.without.get(task, True) for task in sorted(tasks)},
        tuple(sorted(set(a.incomplete) | set(b.incomplete))),
    )
