"""Estimates how long the open cells of a sweep will take, from how long others took.

The best estimate for a cell comes from the same cell with other seeds; the next best from the same method at other
sparsities; otherwise from its training steps, of which a method that trains several times makes more than are counted
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapreplace
from typing import Literal, NamedTuple, get_args

from benchmark.results.cell import Cell
from benchmark.results.outcome import Answer
from benchmark.results.record import Cost

SECONDS, STEPS = (list(Cost.model_fields).index(name) for name in ("seconds", "training_steps"))

By = Literal["seeds", "sparsities", "steps"]

BEST: tuple[By, ...] = get_args(By)

Steps = Callable[[Cell], int | None]
"""The steps of one training of a cell; None if they are not known."""


class Expected(NamedTuple):
    """The seconds that cells should take, and how they were estimated; from steps, they are a lower bound."""

    seconds: float
    by: By


class Times:
    """How long cells take.

    Args:
        records: records of cells on the same tasks and networks.
        steps: returns the steps of one training of a cell.
    """

    def __init__(self, records: Iterable[Answer], steps: Steps = lambda cell: None) -> None:
        self._steps = steps
        self._seeds = dict[object, list[float]]()
        self._sparsities = dict[object, list[float]]()
        self._step_times = dict[object, list[float]]()
        for record in records:
            self.add(record)

    def add(self, record: Answer) -> None:
        """Learn from one more record."""
        if record.status == "ok":
            self._seeds.setdefault(record.group, []).append(record.own_seconds)
            self._sparsities.setdefault(_method(record.cell), []).append(record.own_seconds)
            if steps := record.spent[STEPS]:
                self._step_times.setdefault(_network(record.cell), []).append(record.spent[SECONDS] / steps)

    def of(self, cell: Cell) -> Expected | None:
        """How long a cell should take; None if nothing is known about it."""
        if seconds := self._seeds.get(cell.group):
            return Expected(_mean(seconds), "seeds")
        if seconds := self._sparsities.get(_method(cell)):
            return Expected(_mean(seconds), "sparsities")
        steps, times = self._steps(cell), self._step_times.get(_network(cell))
        return Expected(steps * _mean(times), "steps") if steps and times else None


def estimate(
    cells: Sequence[Cell], times: Times, jobs: int, spent: Mapping[str, float] | None = None
) -> Expected | None:
    """The seconds that `cells` should take in `jobs` parallel workers; None if nothing is known about one of them.

    Args:
        spent: the seconds that a running cell has taken already, by its key.
    """
    free = [0.0] * jobs  # the time at which each worker is done
    by: By = "seeds"
    for cell in cells:
        if (expected := times.of(cell)) is None:
            return None
        by = max(by, expected.by, key=BEST.index)
        heapreplace(free, free[0] + max(0.0, expected.seconds - (spent or {}).get(cell.key, 0.0)))
    return Expected(max(free), by)


def _method(cell: Cell) -> object:
    return cell.algorithm, str(cell.options), cell.pattern, *cell.table


def _network(cell: Cell) -> object:
    return cell.setting, cell.network


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
