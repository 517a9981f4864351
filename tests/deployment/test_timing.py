"""Timings are made in turn, and their middle has the interval that order statistics give."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.deployment import timing
from benchmark.deployment.timing import middle, side_by_side


def test_the_interval_of_a_median_by_order_statistics() -> None:
    """Of 21 values, the 6th and the 16th enclose the median with a chance of 97.3 %, the 7th and 15th with 92.2 %."""
    found = middle([float(value) for value in range(1, 22)])
    assert (found.median, found.low, found.high) == (11, 6, 16)


@given(st.lists(st.floats(0.1, 10), min_size=6, max_size=40))
def test_the_interval_holds_the_median(values: list[float]) -> None:
    found = middle(values)
    assert min(values) <= found.low <= found.median <= found.high <= max(values)


def test_too_few_values_have_no_interval() -> None:
    with pytest.raises(ValueError, match="needs six values"):
        middle([1.0] * 5)


def test_every_round_times_all_and_begins_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    order = list[str]()
    monkeypatch.setattr(timing, "LEAST", 0.0)
    seconds = side_by_side([lambda: order.append("a"), lambda: order.append("b"), lambda: order.append("c")], 3)
    assert [len(values) for values in seconds] == [3, 3, 3]
    assert "".join(order[-9:]) == "abcbcacab"
    assert Counter(order) == {"a": 7, "b": 7, "c": 7}


def test_short_functions_are_called_several_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second a call: with 10 seconds at least, each timing has ten calls."""
    now = 0.0

    def call() -> None:
        nonlocal now
        now += 1

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now)
    monkeypatch.setattr(timing, "LEAST", 10.0)
    assert side_by_side([call], 2) == [[1.0, 1.0]]
    assert now == timing.WARM_UP + 1 + 2 * 10
