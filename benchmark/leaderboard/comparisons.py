"""Rows against rows: paired differences, corrected over a table, and the ranks that they leave open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from benchmark.leaderboard.rows import Row
from benchmark.leaderboard.statistics import ALPHA, Difference, compare, holm, rank_intervals


@dataclass(frozen=True)
class Comparison:
    """One row minus another of the same column.

    Args:
        difference: in units of the metric, with its interval, paired by seed where that can be.
        p: corrected (Holm) over all the comparisons of the table that were made with it; None where n is too small.
        family: how many of these could be tested.
    """

    a: Row
    b: Row
    difference: Difference
    p: float | None
    family: int

    @property
    def place(self) -> Row:
        """The sparser of the two, which says at what sparsity they are compared."""
        return max(self.a, self.b, key=lambda row: row.sparsity)

    @property
    def separated(self) -> bool:
        """Whether the two differ by more than seeds do."""
        return self.p is not None and self.p <= ALPHA

    @property
    def better(self) -> Row:
        """The one with the better mean over the seeds that were compared."""
        return self.a if (self.difference.mean > 0) == (self.a.direction == "max") else self.b

    @property
    def worse(self) -> Row:
        """The other one."""
        return self.b if self.better is self.a else self.a

    def facts(self) -> dict[str, Any]:
        """Every number, for a program."""
        shared = ("task", "task_options", "model", "budget", "pattern", "sparsity", "metric", "direction")
        return {
            **{name: getattr(self.place, name) for name in shared},
            "a": self.a.label,
            "b": self.b.label,
            "a_mean": self.a.mean,
            "b_mean": self.b.mean,
            "n": self.difference.n,
            "difference": self.difference.mean,
            "ci_low": self.difference.low,
            "ci_high": self.difference.high,
            "test": self.difference.test,
            "p": self.difference.p,
            "p_holm": self.p,
            "family": self.family,
            "separated": self.separated,
        }


@dataclass(frozen=True)
class Standing:
    """The ranks that a row may have among the methods of its column: best to worst, 1 first.

    Args:
        of: methods that are ranked together.
        missing: seeds that others of the column have and this row has not.
    """

    best: int
    worst: int
    of: int
    missing: tuple[int, ...]

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}-{self.worst}"


def columns(rows: Iterable[Row]) -> list[list[Row]]:
    """The methods that are ranked together, best first: rows with a result that are no controls, by column."""
    by_column: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.mean is not None and row.control is None:
            by_column[row.column].append(row)
    return [sorted(column, key=lambda row: (row.loss, row.label)) for column in by_column.values()]


def compare_pairs(pairs: Sequence[tuple[Row, Row]]) -> list[Comparison]:
    """These pairs of rows with a result, in this order; the family of a correction is what is compared in one table."""
    families: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, (a, _) in enumerate(pairs):
        families[a.table].append(place)
    comparisons: dict[int, Comparison] = {}
    for places in families.values():
        differences = [compare(pairs[i][0].scores, pairs[i][1].scores, len(places)) for i in places]
        corrected = holm([difference.p for difference in differences])
        tested = sum(p is not None for p in corrected)
        for i, difference, p in zip(places, differences, corrected, strict=True):
            comparisons[i] = Comparison(*pairs[i], difference, p, tested)
    return [comparisons[place] for place in range(len(pairs))]


def compare_rows(rows: Iterable[Row]) -> list[Comparison]:
    """Every pair of these rows that can be compared, each row minus those that come after it."""
    return compare_pairs([pair for pair in combinations(rows, 2) if comparable(*pair)])


def comparable(a: Row, b: Row) -> bool:
    """Both have results, and stand in one column; or in one table where one of them is dense, whatever the column."""
    dense = a.table == b.table and a.dense != b.dense
    return bool(a.scores and b.scores) and (dense or a.column == b.column)


def compare_all(rows: Iterable[Row]) -> list[Comparison]:
    """Every pair of methods of every column, the better one first."""
    return compare_pairs([pair for column in columns(rows) for pair in combinations(column, 2)])


def compare_with_best(rows: Sequence[Row]) -> list[Comparison]:
    """The best of every column against the others; corrected over all pairs, for the data chose which one is best."""
    best = {id(column[0]) for column in columns(rows)}
    return [comparison for comparison in compare_all(rows) if id(comparison.a) in best]


def standings(rows: Sequence[Row], comparisons: Iterable[Comparison] | None = None) -> list[Standing | None]:
    """For each row; None for a control, a row without a result, and one that has no other to be ranked with.

    Args:
        comparisons: `compare_all` of these rows, where that is known already.
    """
    apart: dict[tuple[Any, ...], list[Comparison]] = defaultdict(list)
    for comparison in compare_all(rows) if comparisons is None else comparisons:
        if comparison.separated:
            apart[comparison.a.column].append(comparison)
    by_row: dict[int, Standing] = {}
    for column in (column for column in columns(rows) if len(column) > 1):
        place = {id(row): i for i, row in enumerate(column)}
        better = [(place[id(c.better)], place[id(c.worse)]) for c in apart[column[0].column]]
        seeds = {seed for row in column for seed in row.scores}
        for row, (best, worst) in zip(column, rank_intervals(len(column), better), strict=True):
            by_row[id(row)] = Standing(best, worst, len(column), tuple(sorted(seeds - row.scores.keys())))
    return [by_row.get(id(row)) for row in rows]
