"""Compares leaderboard rows: differences paired by seed, corrected p-values, and the ranks they allow."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from benchmark.leaderboard.corrections import Correction, holm, ryan
from benchmark.leaderboard.pools import Pools
from benchmark.leaderboard.rows import Row
from benchmark.leaderboard.statistics import ALPHA, Difference, compare, rank_intervals


@dataclass(frozen=True)
class Comparison:
    """The difference between two rows of the same column, `a` minus `b`.

    Args:
        difference: in units of the metric, with its interval; paired by seed if the rows share enough seeds.
        p: p-value corrected over the table's comparisons; None if there are too few seeds to test.
        family: number of comparisons in that correction.
        correction: Ryan's if all pairs of the table's columns are compared, Holm's for any other selection.
    """

    a: Row
    b: Row
    difference: Difference
    p: float | None
    family: int
    correction: Correction

    @property
    def place(self) -> Row:
        """The sparser of the two rows: its sparsity is the one they are compared at."""
        return max(self.a, self.b, key=lambda row: row.sparsity)

    @property
    def separated(self) -> bool:
        """Whether the difference is significant after correction."""
        return self.p is not None and self.p <= ALPHA

    @property
    def better(self) -> Row:
        """The row with the better mean over the seeds compared."""
        return self.a if (self.difference.mean > 0) == (self.a.direction == "max") else self.b

    @property
    def worse(self) -> Row:
        """The row with the worse mean over the seeds compared."""
        return self.b if self.better is self.a else self.a

    def facts(self) -> dict[str, Any]:
        """All values of the comparison, for JSON and CSV output."""
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
            "pooled_rows": self.difference.rows,
            "p": self.difference.p,
            "p_corrected": self.p,
            "correction": self.correction,
            "family": self.family,
            "separated": self.separated,
        }


@dataclass(frozen=True)
class Standing:
    """The range of ranks a row may have among the methods of its column, where 1 is the best.

    Args:
        of: number of methods ranked together.
        missing: seeds that other rows of the column have and this row lacks.
    """

    best: int
    worst: int
    of: int
    missing: tuple[int, ...]

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}-{self.worst}"


def columns(rows: Iterable[Row]) -> list[list[Row]]:
    """Group the methods that have a result by column, best first within each.

    Controls and dense rows are not methods: methods are compared against them.
    """
    by_column: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.mean is not None and row.control is None and not row.dense:
            by_column[row.column].append(row)
    return [sorted(column, key=lambda row: (row.loss, row.label)) for column in by_column.values()]


def compare_pairs(pairs: Sequence[tuple[Row, Row]], board: Iterable[Row]) -> list[Comparison]:
    """Compare pairs of rows with results, in the order given. P-values are corrected within each table (Holm).

    Args:
        board: all rows of their tables; the variances of the other rows in a column show the usual noise there.
    """
    pools = Pools(columns(board))
    comparisons: dict[int, Comparison] = {}
    for places in _by_table(pairs):
        differences = [_difference(pairs[i], len(places), pools) for i in places]
        corrected = holm([difference.p for difference in differences])
        tested = sum(p is not None for p in corrected)
        for i, difference, p in zip(places, differences, corrected, strict=True):
            comparisons[i] = Comparison(*pairs[i], difference, p, tested, "Holm")
    return [comparisons[place] for place in range(len(pairs))]


def _by_table(pairs: Sequence[tuple[Row, Row]]) -> list[list[int]]:
    families: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, (a, _) in enumerate(pairs):
        families[a.table].append(place)
    return list(families.values())


def _difference(pair: tuple[Row, Row], family: int, pools: Pools) -> Difference:
    a, b = pair
    return compare(a.scores, b.scores, family, pools.spreads(a, b))


def compare_rows(chosen: Iterable[Row], board: Iterable[Row]) -> list[Comparison]:
    """Compare every comparable pair of the chosen rows: each row minus the ones after it."""
    return compare_pairs([pair for pair in combinations(chosen, 2) if comparable(*pair)], board)


def comparable(a: Row, b: Row) -> bool:
    """Whether both rows have results and share a column; a dense row is comparable with every row of its table."""
    dense = a.table == b.table and a.dense != b.dense
    return bool(a.scores and b.scores) and (dense or a.column == b.column)


def compare_all(rows: Iterable[Row]) -> list[Comparison]:
    """Compare every pair of methods within each column, the better row first. P-values are corrected over the table."""
    ranked = [column for column in columns(rows) if len(column) > 1]
    pools, comparisons = Pools(ranked), list[Comparison]()
    pairs = Counter(column[0].table for column in ranked for _ in combinations(column, 2))
    members = Counter(row.table for column in ranked for row in column)
    for column in ranked:
        table = column[0].table
        comparisons += _compare_column(column, pairs[table], members[table], pools)
    return comparisons


def _compare_column(column: Sequence[Row], family: int, members: int, pools: Pools) -> list[Comparison]:
    differences = {
        (i, j): _difference((column[i], column[j]), family, pools) for i, j in combinations(range(len(column)), 2)
    }
    corrected = ryan({pair: one.p for pair, one in differences.items() if one.p is not None}, members)
    return [
        Comparison(column[i], column[j], one, corrected.get((i, j)), family, "Ryan")
        for (i, j), one in differences.items()
    ]


def compare_with_best(rows: Sequence[Row]) -> list[Comparison]:
    """Compare the best row of each column with the others.

    P-values are corrected over all pairs, because the best row was chosen from the same data.
    """
    best = {id(column[0]) for column in columns(rows)}
    return [comparison for comparison in compare_all(rows) if id(comparison.a) in best]


def standings(rows: Sequence[Row], comparisons: Iterable[Comparison] | None = None) -> list[Standing | None]:
    """Return each row's standing.

    It is None for a control, a dense row, a row without a result, the only method of its column, and in a table of
    single seeds, which have no spread to compare by.

    Args:
        comparisons: the result of `compare_all` for these rows, if already computed.
    """
    apart: dict[tuple[Any, ...], list[Comparison]] = defaultdict(list)
    for comparison in compare_all(rows) if comparisons is None else comparisons:
        if comparison.separated:
            apart[comparison.a.column].append(comparison)
    repeated = {row.table for row in rows if row.n > 1}
    by_row: dict[int, Standing] = {}
    for column in columns(rows):
        if len(column) > 1 and column[0].table in repeated:
            by_row |= _standings(column, apart[column[0].column])
    return [by_row.get(id(row)) for row in rows]


def _standings(column: Sequence[Row], apart: Iterable[Comparison]) -> Mapping[int, Standing]:
    place = {id(row): i for i, row in enumerate(column)}
    better = [(place[id(c.better)], place[id(c.worse)]) for c in apart]
    seeds = {seed for row in column for seed in row.scores}
    return {
        id(row): Standing(best, worst, len(column), tuple(sorted(seeds - row.scores.keys())))
        for row, (best, worst) in zip(column, rank_intervals(len(column), better), strict=True)
    }
