"""Estimates how long the open cells of a sweep will take, from how long the same cells with other seeds took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapreplace

from benchmark.records.cell import Cell
from benchmark.records.outcome import Answer


def estimate(
    cells: Sequence[Cell], records: Iterable[Answer], jobs: int, spent: Mapping[str, float] | None = None
) -> float | None:
    """The seconds that `cells` should take in `jobs` parallel workers; None if nothing is known about one of them.

    Args:
        records: records of cells that differ from these in the seed only.
        spent: the seconds that a running cell has taken already, by its key.
    """
    seconds: dict[str, list[float]] = {}
    for record in records:
        if record.status == "ok":
            seconds.setdefault(record.group, []).append(record.own_seconds)
    if not all(cell.group in seconds for cell in cells):
        return None
    free = [0.0] * jobs  # the time at which each worker is done
    for cell in cells:
        times = seconds[cell.group]
        heapreplace(free, free[0] + max(0.0, sum(times) / len(times) - (spent or {}).get(cell.key, 0.0)))
    return max(free)
