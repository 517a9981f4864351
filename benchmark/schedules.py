"""Schedules: when to prune and how much, as pure functions of progress.

Progress is 0 at the beginning of a schedule and 1 at its end. `start` and `end` are the values at these two points of
a density, a sparsity, or the share of weights that a mask update replaces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def cubic(start: float, end: float, progress: float) -> float:
    """From `start` to `end`, fast at first: end + (start - end) (1 - progress)^3 (Zhu & Gupta, 2017, eq. 1)."""
    return end + (start - end) * (1 - progress) ** 3


def cosine(start: float, end: float, progress: float) -> float:
    """From `start` to `end` along half a cosine, like the share of weights that RigL replaces (Evci et al., 2020)."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def geometric(start: float, end: float, progress: float) -> float:
    """From `start` to `end`, both above 0, by equal factors: start (end / start)^progress.

    The densities of IMP, SynFlow and FORCE follow it; `Target.at_progress` does, too, from density 1.
    """
    return float(start * (end / start) ** progress)


def due(step: int, first: int, last: int, interval: int) -> bool:
    """Whether there is a mask update in `step`: every `interval` steps after `first`, and always in `last`."""
    return step == last or (first < step < last and (step - first) % interval == 0)


def updates(first: int, last: int, interval: int) -> Sequence[int]:
    """The steps with a mask update: every `interval` steps after `first`, and `last`."""
    return [*range(first + interval, last, interval), last]


def window(begin: float, end: float, steps: int) -> tuple[int, int]:
    """The first and the last step of pruning, for `begin` and `end` as shares of a training of `steps` steps.

    Raises:
        ValueError: `end` is before `begin`.
    """
    if end < begin:
        raise ValueError(f"option end, {end:g}, must not lie before begin, {begin:g}")
    last = round(end * (steps - 1))
    return min(round(begin * steps), last), last


def starting_density(initial: float, target: float) -> float:
    """The density at the start of a schedule, given its initial sparsity and the density at its end.

    Raises:
        ValueError: the initial sparsity is above the one at the end.
    """
    if target > 1 - initial + 1e-9:
        raise ValueError(f"initial sparsity {initial:g} is above the target's {1 - target:g}")
    return max(1 - initial, target)


def progress(step: int, first: int, last: int) -> float:
    """The progress of `step` from `first` to `last`, in [0, 1] between them; 1 if they are the same step."""
    return (step - first) / (last - first) if last > first else 1.0
