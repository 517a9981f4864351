"""Compares each method with its controls: variants that change one thing about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.leaderboard.comparisons import Comparison, compare_pairs
from benchmark.leaderboard.rows import Row
from benchmark.results.controls import CONTROLS


@dataclass(frozen=True)
class Questioned:
    """A method's row paired with the row of one of its controls.

    Args:
        control: name of the control, such as shuffle, reinit or random-labels.
        subject: the method's row; or that of its control `retrain`, when the control trains once.
        other: the control's row.
        comparison: subject minus control; None if either has no result.
        verdict: the conclusion that the comparison supports after the correction over all controls.
    """

    control: str
    subject: Row
    other: Row
    comparison: Comparison | None
    verdict: str


def controls(rows: Sequence[Row]) -> list[Questioned]:
    """Pair every method with each of its controls that was run, in the order of the rows."""
    by_column: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        by_column[row.column].append(row)
    questioned = [control for subject in rows for control in _controls_of(subject, by_column[subject.column])]
    comparable = [(subject, other) for _, subject, other in questioned if subject.scores and other.scores]
    comparisons = {(id(c.a), id(c.b)): c for c in compare_pairs(comparable, rows)}
    results = []
    for name, subject, other in questioned:
        comparison = comparisons.get((id(subject), id(other)))
        results.append(Questioned(name, subject, other, comparison, verdict(name, subject, other, comparison)))
    return results


def verdict(control: str, subject: Row, other: Row, comparison: Comparison | None) -> str:
    """State in words what the difference supports, corrected for all controls of the table, and no more."""
    if comparison is None:
        without = other if subject.scores else subject
        return "does not apply" if without.skipped else "no result"
    difference = comparison.difference
    n = f"n={difference.n}" if difference.n else f"unpaired, n={subject.n} and {other.n}"
    if difference.low is None or difference.high is None:
        return f"too few seeds to say ({n})"
    if not comparison.separated:
        return f"no difference seen ({n})"
    if control not in CONTROLS:  # a control of another version of prunebench
        return f"{'better' if comparison.better is subject else 'worse'} than its control {control} ({n})"
    known = CONTROLS[control]
    return f"{known.better if comparison.better is subject else known.worse} ({n})"


def _controls_of(subject: Row, column: Sequence[Row]) -> list[tuple[str, Row, Row]]:
    """Return, for each control of a method: its name, the row to compare it with, and its own row."""
    if subject.control is not None:
        return []
    by_control = {
        row.control: row
        for row in column
        if row.control is not None and row.algorithm == subject.algorithm and _method(row) == _method(subject)
    }
    retrained = by_control.get("retrain", subject)
    once = {control.name for control in CONTROLS.values() if control.trains_once}
    fair = subject if retrained.skipped and not retrained.scores else retrained  # it trains once itself
    return [(control, fair if control in once else subject, row) for control, row in by_control.items()]


def _method(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.options.items() if name != "control"}
