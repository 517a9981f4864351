"""Times functions side by side: in turn, round after round, so that a busy moment of the machine affects them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

from scipy.stats import quantile_test

from benchmark.results.measured import Interval

LEAST = 0.02
"""Seconds that a timing takes at least; shorter functions are called several times in it."""

WARM_UP = 3
"""Calls before the first timing."""


def side_by_side(functions: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds per call of each function, one value for each round. Every round begins with another function."""
    calls = [_calls(function) for function in functions]
    seconds: list[list[float]] = [[] for _ in functions]
    for number in range(rounds):
        for place in range(len(functions)):
            which = (place + number) % len(functions)
            seconds[which].append(_seconds(functions[which], calls[which]))
    return seconds


def middle(values: Sequence[float]) -> Interval:
    """The median of values, and its 95 % interval by order statistics (`scipy.stats.quantile_test`).

    Raises:
        ValueError: there are fewer than six values, too few for such an interval.
    """
    if len(values) < 6:
        raise ValueError(f"an interval of a median needs six values, got {len(values)}")
    between = quantile_test(values, q=0, p=0.5).confidence_interval(0.95)
    return Interval(median=median(values), low=float(between.low), high=float(between.high))


def _calls(function: Callable[[], object]) -> int:
    for _ in range(WARM_UP):
        function()
    return max(1, round(LEAST / max(_seconds(function, 1), 1e-6)))


def _seconds(function: Callable[[], object], calls: int) -> float:
    begin = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - begin) / calls
