"""Finds the best method for each range of sparsities, and how robust that result is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmark.leaderboard.comparisons import standings
from benchmark.leaderboard.profiles import grid
from benchmark.leaderboard.rows import Row
from benchmark.leaderboard.statistics import ranks


@dataclass(frozen=True)
class Region:
    """A range of sparsities over which the same method has the best mean rank.

    Args:
        low, high: the smallest and the largest sparsity of the range.
        winner: label of the method; tied methods are joined by `, `.
        shared: methods not separated from the winner: their rank interval starts at 1 in every column of the region.
        tables: number of tables (task, model, budget) averaged over; the smallest of any sparsity.
        without: for each task, whether the winner remains one over the whole region when that task is left out.
        incomplete: methods not considered, because they have no result in some table at one of these sparsities.
    """

    pattern: str
    low: float
    high: float
    winner: str
    shared: tuple[str, ...]
    tables: int
    without: Mapping[str, bool]
    incomplete: tuple[str, ...]


def winners(rows: Iterable[Row]) -> list[Region]:
    """Return the regions of each pattern, in order of sparsity."""
    rows = list(rows)
    first = {id(row) for row, standing in zip(rows, standings(rows), strict=True) if not standing or standing.best == 1}
    levels: dict[tuple[str, float], list[list[Row]]] = defaultdict(list)
    for column in grid(rows).values():
        levels[column[0].pattern, column[0].sparsity].append(column)
    regions: list[Region] = []
    for (pattern, sparsity), tables in sorted(levels.items()):
        region = _level(pattern, sparsity, tables, first)
        if regions and (regions[-1].pattern, regions[-1].winner) == (pattern, region.winner):
            region = _joined(regions.pop(), region)
        regions.append(region)
    return regions


def _level(pattern: str, sparsity: float, tables: Sequence[Sequence[Row]], first: set[int]) -> Region:
    present = [{row.label for row in table} for table in tables]
    complete, present_anywhere = set.intersection(*present), set.union(*present)
    winner = _best(tables, complete)
    may_be_first = [{row.label for row in table if id(row) in first} for table in tables]
    tasks = sorted({table[0].task for table in tables})
    rest = {task: [table for table in tables if table[0].task != task] for task in tasks}
    without = (
        {task: bool(left) and winner <= _best(left, complete) for task, left in rest.items()} if len(tasks) > 1 else {}
    )
    shared = tuple(sorted(set.intersection(*may_be_first) & complete - winner))
    incomplete = tuple(sorted(present_anywhere - complete))
    return Region(pattern, sparsity, sparsity, ", ".join(sorted(winner)), shared, len(tables), without, incomplete)


def _best(tables: Sequence[Sequence[Row]], labels: set[str]) -> set[str]:
    """Return the labels with the smallest mean rank. Every table has all the labels."""
    total: dict[str, float] = defaultdict(float)
    for table in tables:
        chosen = [row for row in table if row.label in labels]
        for row, rank in zip(chosen, ranks([row.loss for row in chosen]), strict=True):
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
