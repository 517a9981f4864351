"""From what was asked on the command line to the cells that answer it, and which of them are still open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapreplace

from benchmark.records.cell import Cell
from benchmark.records.record import Record


def estimate(
    cells: Sequence[Cell], records: Iterable[Record], jobs: int, spent: Mapping[str, float] | None = None
) -> float | None:
    """Seconds that these cells should take in workers side by side; None where one is unknown.

    Args:
        records: what cells that differ in the seed alone have taken.
        spent: seconds that are over already, by the key of a cell.
    """
    seen: dict[str, list[float]] = {}
    for record in records:
        if record.status == "ok":
            seen.setdefault(record.cell.group, []).append(_own_seconds(record))
    if not all(cell.group in seen for cell in cells):
        return None
    free = [0.0] * jobs  # when each worker has nothing left to do
    for cell in cells:
        times = seen[cell.group]
        heapreplace(free, free[0] + max(0.0, sum(times) / len(times) - (spent or {}).get(cell.key, 0.0)))
    return max(free)


def _own_seconds(record: Record) -> float:
    """What a cell took beside the trainings that it shared."""
    shared = record.provenance.get("shared_steps")
    taken = shared / max(1, record.cost.training_steps) if isinstance(shared, int) else 0.0
    return record.cost.seconds * (1 - taken)
