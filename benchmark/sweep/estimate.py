"""How long the open cells should take, from how long others like them took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapreplace

from benchmark.records.cell import Cell
from benchmark.records.outcome import Answer


def estimate(
    cells: Sequence[Cell], records: Iterable[Answer], jobs: int, spent: Mapping[str, float] | None = None
) -> float | None:
    """Seconds that these cells should take in workers side by side; None where one is unknown.

    Args:
        records: what cells that differ in the seed alone have taken.
        spent: seconds that are over already, by the key of a cell.
    """
    seen: dict[str, list[float]] = {}
    for record in records:
        if record.status == "ok":
            seen.setdefault(record.group, []).append(record.own_seconds)
    if not all(cell.group in seen for cell in cells):
        return None
    free = [0.0] * jobs  # when each worker has nothing left to do
    for cell in cells:
        times = seen[cell.group]
        heapreplace(free, free[0] + max(0.0, sum(times) / len(times) - (spent or {}).get(cell.key, 0.0)))
    return max(free)
