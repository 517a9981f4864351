"""Finds the records that can stand in one table: ranked by one metric, and made with the same data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TypeVar

from benchmark.results.outcome import Answer
from benchmark.results.record import Ranking

A = TypeVar("A", bound=Answer)
Table = tuple[str, str, str]
"""The value of `Cell.table`."""


def agreeing(records: Iterable[A]) -> tuple[list[A], list[str]]:
    """Separate records that cannot stand in their table: ranked by another metric, or made with other data.

    Seeds may choose their own splits, so records have to agree in their data with most records of the same table and
    seed. If all seeds of a table but one have the same data, and they are three or more, that one is left out.

    Returns:
        The other records, in order, and a line for each one left out.
    """
    read = list(records)
    rankings, data = _usual_rankings(read), _usual_data(read)
    kept, problems = list[A](), list[str]()
    for record in read:
        other = rankings[record.cell.table]
        if record.ranking != other:
            problems.append(
                f"record {record.key[:8]}: it is ranked by {record.ranking.metric} ({record.ranking.direction}), "
                f"most of its table by {other.metric} ({other.direction})"
            )
        elif record.data and record.data != data[record.cell.table][record.cell.seed]:
            problems.append(
                f"record {record.key[:8]}: it was made with other data than most of its table (see where.data)"
            )
        else:
            kept.append(record)
    return kept, problems


def _usual_rankings(records: Iterable[Answer]) -> dict[Table, Ranking]:
    """Return by table the metric that ranks most of its records."""
    counts: dict[Table, Counter[Ranking]] = defaultdict(Counter)
    for record in records:
        counts[record.cell.table][record.ranking] += 1
    return {table: count.most_common(1)[0][0] for table, count in counts.items()}


def _usual_data(records: Iterable[Answer]) -> dict[Table, dict[int, str]]:
    """Return by table and seed the data of most records."""
    counts: dict[Table, dict[int, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for record in records:
        if record.data:
            counts[record.cell.table][record.cell.seed][record.data] += 1
    return {
        table: _same_for_all({seed: count.most_common(1)[0][0] for seed, count in seeds.items()})
        for table, seeds in counts.items()
    }


def _same_for_all(data: dict[int, str]) -> dict[int, str]:
    """Return the data of each seed; of all the same, if all but one of three or more seeds agree."""
    usual, count = Counter(data.values()).most_common(1)[0]
    return dict.fromkeys(data, usual) if len(data) > 2 and count == len(data) - 1 else data
