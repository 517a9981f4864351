"""Who wins where: regions of sparsity, and how firmly they are held."""

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


def winners(rows: Iterable[Row]) -> list[Region]:
    """Who wins where: regions of sparsity, by pattern."""
    rows = list(rows)
    first = {id(row) for row, standing in zip(rows, standings(rows), strict=True) if standing and standing.best == 1}
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
