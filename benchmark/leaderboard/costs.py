"""Accuracy against cost, from finished runs alone.

Cost is every floating-point operation of a run: all rounds of training, and scoring; pruned weights are not counted.
A run's learning rate falls over its own length, so a run that was stopped earlier would have been another run: nothing
is interpolated or cut short here. "At equal total FLOPs" therefore means: given B, every algorithm shows the best of
its finished rows, over budgets and options, that cost at most B. Which one is best is chosen on the validation split,
so that the test split chooses nothing.
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
        flops: mean over its runs.
        relative: to the dense row of its table; None where there is none.
        front: no row of the same question is better for no more, or as good for less.
    """

    row: Row
    flops: float
    relative: float | None
    front: bool


@dataclass(frozen=True)
class Matched:
    """One algorithm on one question (a task, model, pattern and sparsity), at some levels of cost.

    Args:
        at: by level, the row that is best on validation of those that cost at most this; None where all cost more.
    """

    algorithm: str
    at: Mapping[float, Row | None]


def priced(rows: Iterable[Row]) -> list[Priced]:
    """Every method's row with a result, cheapest first within its question; budgets stand side by side."""
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
    """By question, its algorithms at each level, the best at the highest level first; see the head of this file.

    Args:
        levels: FLOPs; by default 1, 2 and 5 times powers of ten, from the cheapest row of the question to the dearest.
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
            sorted(methods, key=lambda one: (*(_loss(one.at[level]) for level in reversed(wanted)), one.algorithm))
        )
    return questions


def _questions(rows: Iterable[Row]) -> list[list[tuple[Row, float]]]:
    """Methods with a result and their cost, cheapest first, better first where they cost the same; by question."""
    by_question: dict[tuple[Any, ...], list[tuple[Row, float]]] = defaultdict(list)
    for row in rows:
        if row.mean is not None and row.control is None and row.flops is not None:
            by_question[row.question].append((row, row.flops))
    return [sorted(group, key=lambda pair: (pair[1], pair[0].loss, pair[0].label)) for group in by_question.values()]


def _choice(rows: Sequence[tuple[Row, float]], level: float) -> Row | None:
    """The best on validation; a row without validation is chosen only where it is alone."""
    fit = [row for row, flops in rows if flops <= level]
    if len(fit) == 1:
        return fit[0]
    return min((row for row in fit if row.validation is not None), key=_validation_loss, default=None)


def _validation_loss(row: Row) -> float:
    value = row.validation or 0.0
    return -value if row.direction == "max" else value


def _loss(row: Row | None) -> float:
    return math.inf if row is None else row.loss


def _levels(least: float, most: float) -> list[float]:
    """From the last of 1, 2 and 5 times a power of ten that is above `least` to the first that holds `most`."""
    if least <= 0 or most <= 0:
        return [most]
    powers = range(math.floor(math.log10(least)), math.floor(math.log10(most)) + 2)
    steps = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    last = min(step for step in steps if step >= most)
    return [step for step in steps if least <= step <= last]
