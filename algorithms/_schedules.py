"""When to prune and how much: pure functions of progress."""

from __future__ import annotations

import math


def cubic(start: float, end: float, progress: float) -> float:
    """From `start` to `end`, fast at first: end + (start - end) (1 - progress)^3 (Zhu & Gupta, 2017, eq. 1)."""
    return end + (start - end) * (1 - progress) ** 3


def cosine(start: float, end: float, progress: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def due(step: int, first: int, last: int, interval: int) -> bool:
    """Whether a mask update falls on `step`: every `interval` after `first`, and on `last` whatever the rhythm."""
    return step == last or (first < step < last and (step - first) % interval == 0)
