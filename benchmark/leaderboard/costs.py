"""Compares accuracy at equal cost, using finished runs only.

Cost is the number of floating-point operations of a run: all rounds of training plus scoring, without pruned weights.
A run's learning-rate schedule spans its whole length, so stopping it early would give a different run. Results are
therefore never interpolated or truncated. "At equal total FLOPs" means: for a cost B, each algorithm is represented by
the best of its finished rows, over budgets and options, that cost at most B. The best row is chosen on the validation
split, so that the test split is not used for selection.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.leaderboard.rows import Row, references


@dataclass(frozen=True)
class Priced:
    """A row with its cost.

    Args:
        flops: mean over the row's runs.
        relative: cost divided by that of the dense row of the same table; None if there is no dense row.
        front: whether the row is on the Pareto front: no row of the same question is better without costing more, or
            as good and cheaper.
    """

    row: Row
    flops: float
    relative: float | None
    front: bool


@dataclass(frozen=True)
class Matched:
    """One algorithm on one question (task, model, pattern and sparsity) at several levels of cost.

    Args:
        at: for each level in FLOPs, the row with the best validation score that costs no more; None if all cost more.
    """

    algorithm: str
    at: Mapping[float, Row | None]


def priced(rows: Iterable[Row]) -> list[Priced]:
    """Return the methods' rows with a result and their cost, cheapest first within each question, over all budgets."""
    rows = list(rows)
    dense = {table: row.flops for table, row in references(rows).items() if row.flops}
    priced_rows = []
    for question in _questions(rows):
        least = math.inf
        for row, flops in question:
            relative = flops / dense[row.table] if row.table in dense else None
            priced_rows.append(Priced(row, flops, relative, row.loss < least))
            least = min(least, row.loss)
    return priced_rows


def matched(rows: Iterable[Row], levels: Sequence[float] = ()) -> list[list[Matched]]:
    """For each question, match its algorithms at equal cost, the best at the highest level first.

    Args:
        levels: in FLOPs; by default 1, 2 and 5 times powers of ten, from the cheapest to the most expensive row of
            the question.
    """
    questions = []
    for question in _questions(rows):
        wanted = sorted(levels) or _levels(question[0][1], question[-1][1])
        by_algorithm: dict[str, list[tuple[Row, float]]] = defaultdict(list)
        for row, flops in question:
            by_algorithm[row.algorithm].append((row, flops))
        methods = [
            Matched(name, {level: _choice(rows, level) for level in wanted}) for name, rows in by_algorithm.items()
        ]
        questions.append(
            sorted(
                methods, key=lambda method: (*(_loss(method.at[level]) for level in reversed(wanted)), method.algorithm)
            )
        )
    return questions


def _questions(rows: Iterable[Row]) -> list[list[tuple[Row, float]]]:
    """Group methods with a result, and their cost, by question; cheapest first, and better first at equal cost."""
    by_question: dict[tuple[Any, ...], list[tuple[Row, float]]] = defaultdict(list)
    for row in rows:
        if row.mean is not None and row.control is None and row.flops is not None:
            by_question[row.question].append((row, row.flops))
    return [sorted(group, key=lambda pair: (pair[1], pair[0].loss, pair[0].label)) for group in by_question.values()]


def _choice(rows: Sequence[tuple[Row, float]], level: float) -> Row | None:
    """Return the affordable row that is best on validation; a row without validation only if it is the only one."""
    affordable = [row for row, flops in rows if flops <= level]
    if len(affordable) == 1:
        return affordable[0]
    return min((row for row in affordable if row.validation is not None), key=_validation_loss, default=None)


def _validation_loss(row: Row) -> float:
    value = row.validation or 0.0
    return -value if row.direction == "max" else value


def _loss(row: Row | None) -> float:
    return math.inf if row is None else row.loss


def _levels(least: float, most: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten, from the first one at or above `least` to the first at or above `most`."""
    if least <= 0 or most <= 0:
        return [most]
    powers = range(math.floor(math.log10(least)), math.floor(math.log10(most)) + 2)
    steps = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    last = min(step for step in steps if step >= most)
    return [step for step in steps if least <= step <= last]
