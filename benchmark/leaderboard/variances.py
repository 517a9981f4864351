"""Moderated variances of rows: with three seeds, a row alone estimates its variance too poorly for comparisons.

Seeds move all rows together, so a row's noise is what is left after the mean of the other rows has been subtracted seed
by seed. Its variance is averaged with that of the whole table (empirical Bayes; Smyth, 2004, equation 4):

    moderated = (PRIOR * table's + (seeds - 1) * row's own) / (PRIOR + seeds - 1)

`PRIOR`, `STRAY` and `APART` are constants, not estimates: ten variances of three seeds do not show how much the true
ones differ, and a rule that estimates it mistakes unequal rows for equal ones too often. They were chosen by
simulation; docs/statistics.md has the resulting error rates and power.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.leaderboard.statistics import NOISE, Spread

if TYPE_CHECKING:
    import numpy as np

PRIOR = 4
"""Degrees of freedom that the table's variance counts for."""

STRAY = 5
"""A row with more than this many times the variance of the others is compared by its own differences alone."""

APART = 20
"""A row with more than this many times the variance of all calmer ones, more than half of the rows, leaves the pool.
There it counts as this much."""


def spreads(scores: Sequence[Sequence[float]]) -> list[Spread] | None:
    """Return the spread of each row; None with fewer than three rows or two seeds, or if nothing varies.

    Args:
        scores: [rows][seeds], complete.
    """
    import numpy as np

    values = np.asarray(scores, dtype=float)
    rows, seeds = values.shape
    if rows < 3 or seeds < 2:
        return None
    inside, own, ratio = _pool(values - values.mean(1, keepdims=True))
    pooled, count = _pooled(own, inside), int(inside.sum())
    if pooled <= (NOISE * np.abs(values).max()) ** 2:
        return None
    table = pooled * (count + APART * (rows - count)) / rows
    freedom = seeds - 1
    moderated = (PRIOR * table + freedom * own) / (PRIOR + freedom)
    return [
        Spread(float(variance), PRIOR + freedom, freedom * (count - 2), count, bool(times > STRAY))
        for variance, times in zip(moderated, ratio, strict=True)
    ]


def _pool(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Remove rows that stand apart from the pool, and look again: their noise had been in the mean of all, by seed.

    Returns:
        For each row: whether it is in the pool, its own variance, and that over the variance of the others.
    """
    import numpy as np

    inside = np.ones(len(centred), dtype=bool)
    while True:
        own = _own(centred, inside)
        apart = _apart(own, inside)
        if not len(apart):
            ratio = own / np.maximum([_pooled(own, inside, row) for row in range(len(own))], np.finfo(float).tiny)
            return inside, own, ratio
        inside[apart] = False


def _apart(own: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the rows of the pool that stand apart from all calmer ones; at least three of them stay."""
    import numpy as np

    order = np.flatnonzero(inside)[np.argsort(own[inside])]
    calm = np.arange(max(3, len(own) // 2 + 1), len(order))
    mean = np.cumsum(own[order])[calm - 1] / calm
    wide = calm[own[order][calm] > APART * mean]
    return order[wide[0] :] if len(wide) else order[:0]


def _own(centred: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return each row's variance about the mean of the pool's other rows, scaled to that of a single row."""
    others = inside.sum() - inside
    mean = (centred[inside].sum(0) - centred * inside[:, None]) / others[:, None]
    own: np.ndarray = ((centred - mean) ** 2).sum(1) * others / (others + 1) / (centred.shape[1] - 1)
    return own


def _pooled(own: np.ndarray, inside: np.ndarray, without: int | None = None) -> float:
    """Return the variance of the pool after rows and seeds have been removed, without one of its rows if asked.

    The squares about row and seed means sum to (k - 1) / k of `own`, with k - 1 degrees of freedom for each seed's.
    """
    count = int(inside.sum())
    total = float(own[inside].sum()) * (count - 1) / count
    if without is None or not inside[without]:
        return total / (count - 1)
    return max(0.0, total - float(own[without])) / (count - 2)
