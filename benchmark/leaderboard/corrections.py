"""P-values of many comparisons, corrected so that at most 5 % of tables declare any two equal rows different."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

Correction = Literal["Holm", "Ryan"]


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected for one family (Holm, 1979), in the same order. None stays None and is not counted."""
    order = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    least = 0.0
    for done, (p, place) in enumerate(order):
        least = max(least, min(1.0, (len(order) - done) * p))
        corrected[place] = least
    return corrected


def ryan(ps: Mapping[tuple[int, int], float], rows: int) -> dict[tuple[int, int], float]:
    """Return p-values of all pairs of a column corrected step by step (Ryan, 1960).

    Two rows are declared different if no set of rows that contains both could be equal. In a set of k rows, a pair's p
    is multiplied by rows * (k - 1) / 2: a set of equal rows is then rejected with probability <= 5 % * k / rows, and
    any of all such sets with <= 5 %, whatever the dependence. A set of k contains k - 2 others besides the two. Instead
    of all sets, only the k - 2 others that differ least from either of the two are considered, which can only make p
    larger.

    Args:
        ps: the p of each pair. A pair that is missing counts as equal.
        rows: number of rows of the family, over all its columns.
    """
    known = {frozenset(pair): p for pair, p in ps.items()}
    items = set().union(*known)
    corrected = {}
    for pair, p in ps.items():
        others = [min(known.get(frozenset((one, other)), 1.0) for one in pair) for other in items.difference(pair)]
        sets = [p, *(min(p, other) for other in sorted(others, reverse=True))]
        corrected[pair] = min(1.0, max(rows * (size - 1) / 2 * least for size, least in enumerate(sets, 2)))
    return corrected
