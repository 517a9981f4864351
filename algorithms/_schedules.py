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


def window(begin: float, end: float, steps: int) -> tuple[int, int]:
    """The first and the last step of pruning, from shares of training.

    Raises:
        ValueError: it would end before it begins.
    """
    if end < begin:
        raise ValueError(f"option end, {end:g}, must not lie before begin, {begin:g}")
    last = round(end * (steps - 1))
    return min(round(begin * steps), last), last


def starting_density(initial: float, target: float) -> float:
    """The density to start from, at an initial sparsity.

    Raises:
        ValueError: the target is less sparse than that.
    """
    if target > 1 - initial + 1e-9:
        raise ValueError(f"initial sparsity {initial:g} is above the target's {1 - target:g}")
    return max(1 - initial, target)


def progress(step: int, first: int, last: int) -> float:
    """How far `step` lies from `first` to `last`; 1 where there is no way between them."""
    return (step - first) / (last - first) if last > first else 1.0
