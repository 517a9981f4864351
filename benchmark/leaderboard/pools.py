"""Decides which rows two compared rows pool their variances with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.leaderboard.rows import Row
from benchmark.leaderboard.statistics import Spread
from benchmark.leaderboard.variances import spreads


class Pools:
    """The spreads of rows, among the methods of their column that have the seeds compared.

    A dense row, which is not a method of the column, joins the pool for its own comparisons. A control shares more with
    its method than two methods do, so the noise of their difference is estimated from that difference alone.

    Args:
        columns: methods by column.
    """

    def __init__(self, columns: Sequence[Sequence[Row]]) -> None:
        self._columns = {column[0].column: column for column in columns}
        self._known: dict[tuple[frozenset[int], frozenset[int]], Mapping[int, Spread]] = {}

    def spreads(self, a: Row, b: Row) -> tuple[Spread, Spread] | None:
        """Return the spreads of two rows over their common seeds; None if nothing can be pooled."""
        if a.control or b.control:
            return None
        seeds = frozenset(a.scores.keys() & b.scores.keys())
        place: tuple[Any, ...] = max(a, b, key=lambda row: row.sparsity).column
        block = {id(row): row for row in (*self._columns.get(place, ()), a, b) if seeds <= row.scores.keys()}
        key = (frozenset(block), seeds)
        if key not in self._known:
            self._known[key] = _of(block, sorted(seeds))
        known = self._known[key]
        return (known[id(a)], known[id(b)]) if known else None


def _of(block: Mapping[int, Row], seeds: Sequence[int]) -> Mapping[int, Spread]:
    pooled = spreads([[row.scores[seed] for seed in seeds] for row in block.values()]) if len(seeds) > 1 else None
    return dict(zip(block, pooled, strict=True)) if pooled else {}
