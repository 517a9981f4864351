"""The value at a given position in the ascending order of many numbers, found without sorting them.

A sample shows between which two values it almost surely lies. One pass separates what is above and below these, and
only what is left between them, a few per cent of a large array, is partitioned: as exact as partitioning all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

STRIDE = 64
"""One number out of this many is in the sample."""


@dataclass(frozen=True)
class Split:
    """Numbers by whether they are above a value or equal to it.

    Args:
        above: bool [n].
        equal: int64 [m], the positions of those that equal it, in ascending order.
    """

    above: NDArray[np.bool_]
    equal: NDArray[np.int64]


def split(numbers: NDArray[Any], k: int) -> Split:
    """Split numbers, [n], by the one at index `k` of their ascending order, which has NaN at the end, as in numpy."""
    found = _between(numbers, k, *_bounds(numbers, k))
    return found or _whole(numbers, k)


def _whole(numbers: NDArray[Any], k: int) -> Split:
    value = np.partition(numbers, k)[k]
    return Split(numbers > value, np.flatnonzero(numbers == value))


def _bounds(numbers: NDArray[Any], k: int) -> tuple[Any, Any]:
    """Two numbers of a sample between which the one at index `k` lies, unless it is four standard deviations off."""
    sample = numbers[::STRIDE]
    middle, margin = k / STRIDE, 2 * sqrt(len(sample)) + 1
    ends = max(0, int(middle - margin)), min(len(sample) - 1, int(middle + margin))
    low, high = np.partition(sample, ends)[[*ends]]
    return low, high


def _between(numbers: NDArray[Any], k: int, low: Any, high: Any) -> Split | None:
    """As `split`; None if the one at index `k` does not lie between two values."""
    above, below = numbers > high, numbers < low
    inside = np.flatnonzero(above == below)  # neither; NaN is among them
    index, values = k - int(np.count_nonzero(below)), numbers[inside]
    if not 0 <= index < len(values):
        return None
    value = np.partition(values, index)[index]
    if np.isnan(value):
        return None
    above[inside[values > value]] = True
    return Split(above, inside[values == value])
