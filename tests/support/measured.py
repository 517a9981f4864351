"""Measurements of networks, as `bench measure` leaves them."""

from __future__ import annotations

from typing import Any

from benchmark.results.measured import Interval, Measurement

Ratio = tuple[float, float, float]
"""The median of a ratio, and its interval."""


def measurement(runtime: str = "torch", batch: int = 1, faster: Ratio = (2, 1.5, 3), **changes: Any) -> Measurement:
    median, low, high = faster
    given = Measurement(
        runtime=runtime,
        batch=batch,
        threads=1,
        seconds=Interval(median=0.001, low=0.001, high=0.002),
        parent_seconds=Interval(median=0.002, low=0.002, high=0.002),
        faster=Interval(median=median, low=low, high=high),
        memory=2_000_000,
        size=1000,
        parent_size=4000,
        rounds=21,
        where={"processor": "one"},
    )
    return given.model_copy(update=changes)
