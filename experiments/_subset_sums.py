"""Subsets of exactly k of n numbers: the one whose sum is nearest to a target, and the probability of a near one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import comb, log2, pi, sqrt
from typing import Any

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import ndtr

LARGEST = 44
"""The most numbers that are solved exactly: twice 2^22 partial sums."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Nearest:
    """The nearest sum: how far it is from the target, and which numbers make it, bool [n]."""

    error: float
    subset: Array


@dataclass(frozen=True)
class Half:
    """All subsets of half of the numbers, by size: their sums, ascending, and their bits."""

    sums: list[Array]
    codes: list[Array]

    @classmethod
    def of(cls, numbers: Array) -> Half:
        totals, sizes = np.zeros(1), np.zeros(1, dtype=np.int64)
        for number in numbers:
            totals = np.concatenate([totals, totals + number])
            sizes = np.concatenate([sizes, sizes + 1])
        codes = [np.flatnonzero(sizes == size) for size in range(len(numbers) + 1)]
        orders = [group[np.argsort(totals[group], kind="stable")] for group in codes]
        return cls([totals[order] for order in orders], orders)


def nearest(numbers: Array, k: int, target: float) -> Nearest:
    """The subset of exactly k numbers whose sum is nearest to the target (Horowitz & Sahni, 1974, by size).

    Args:
        numbers: float64 [n], n at most 44.

    Raises:
        ValueError: there are more numbers than can be solved exactly, or fewer than k.
    """
    n = len(numbers)
    if n > LARGEST:
        raise ValueError(f"{n} numbers have too many subsets to be listed; {LARGEST} are the most")
    if not 0 <= k <= n:
        raise ValueError(f"there is no subset of {k} of {n} numbers")
    middle = n // 2
    left, right = Half.of(numbers[:middle]), Half.of(numbers[middle:])
    best = (np.inf, 0, 0)
    for j in range(max(0, k - (n - middle)), min(k, middle) + 1):
        best = min(best, _nearest_pair(left, j, right, k - j, target))
    subset = _bits(best[1], middle) + _bits(best[2], n - middle)
    kept = np.array(subset, dtype=bool)
    return Nearest(abs(float(numbers[kept].sum()) - target), kept)


def _nearest_pair(left: Half, j: int, right: Half, i: int, target: float) -> tuple[float, int, int]:
    """The best sum of a subset of size j from the left and one of size i from the right: its error, and their codes."""
    wanted, there = target - left.sums[j], right.sums[i]
    above = np.clip(np.searchsorted(there, wanted), 0, len(there) - 1)
    below = np.maximum(above - 1, 0)
    at = np.where(np.abs(there[below] - wanted) <= np.abs(there[above] - wanted), below, above)
    errors = np.abs(there[at] - wanted)
    row = int(errors.argmin())
    return float(errors[row]), int(left.codes[j][row]), int(right.codes[i][at[row]])


def _bits(code: int, count: int) -> list[bool]:
    return [bool(code >> place & 1) for place in range(count)]


def widest_gap(numbers: Array, k: int, reach: float) -> float:
    """The largest distance of any target in [-reach, reach] from the nearest sum of a subset of size k.

    Args:
        numbers: float64 [n], n at most 26: all sums are listed.

    Raises:
        ValueError: there are more numbers than that.
    """
    if len(numbers) > 26:
        raise ValueError(f"the subsets of {len(numbers)} numbers do not fit in memory; 26 are the most")
    middle = len(numbers) // 2
    left, right = Half.of(numbers[:middle]).sums, Half.of(numbers[middle:]).sums
    pairs = [(left[j], right[k - j]) for j in range(len(left)) if 0 <= k - j < len(right)]
    sums = np.sort(np.concatenate([np.add.outer(one, other).ravel() for one, other in pairs]))
    middles = np.concatenate([[-reach, reach], np.clip((sums[1:] + sums[:-1]) / 2, -reach, reach)])
    at = np.clip(np.searchsorted(sums, middles), 1, max(1, len(sums) - 1))
    nearest_two = np.stack([sums[at - 1], sums[np.minimum(at, len(sums) - 1)]])
    return float(np.abs(nearest_two - middles).min(axis=0).max())


# --- the odds, for standard normal numbers ----------------------------------------------------------------------------


def entropy(share: float) -> float:
    """The binary entropy H2, in bits."""
    return 0.0 if share in (0.0, 1.0) else -share * log2(share) - (1 - share) * log2(1 - share)


def scale(n: int, k: int, eps: float) -> float:
    """r = n H2(k / n) / log2(k / eps), bits of choice over bits wanted (Natale et al., 2024; they give no constant)."""
    return n * entropy(k / n) / log2(k / eps)


def one_hit(k: int, eps: float, target: float, deviation: float = 1.0) -> float:
    """The probability that the sum of k normal numbers lies within eps of the target."""
    spread = sqrt(k) * deviation
    return float(ndtr((target + eps) / spread) - ndtr((target - eps) / spread))


@cache
def both_hit(k: int, shared: int, eps: float, target: float) -> float:
    """The probability that two subsets of size k with a given number of elements in common both hit.

    Over the sum u of the shared numbers: the integral of its density times the squared probability of the rest.
    """
    single = one_hit(k, eps, target)
    if shared in (0, k):
        return single if shared else single**2
    rest = k - shared
    reach = 9 * sqrt(rest) + eps
    low, high = max(-9 * sqrt(shared), target - reach), min(9 * sqrt(shared), target + reach)
    u = np.linspace(low, high, 8001)
    inside = ndtr((target + eps - u) / sqrt(rest)) - ndtr((target - eps - u) / sqrt(rest))
    return float(trapezoid(np.exp(-(u**2) / (2 * shared)) / sqrt(2 * pi * shared) * inside**2, u))


def expected(n: int, k: int, eps: float, target: float) -> float:
    """The expected number of subsets of size k that hit."""
    return comb(n, k) * one_hit(k, eps, target)


def ceiling(n: int, k: int, eps: float, target: float) -> float:
    """The first moment: no more than this share of draws has a hit."""
    return min(1.0, expected(n, k, eps, target))


def floor(n: int, k: int, eps: float, target: float) -> float:
    """The second moment: at least this share of draws has a hit, p1^2 / sum_i Hyp(i; n, k, k) p2(i)."""
    pairs = (
        comb(k, i) * comb(n - k, k - i) / comb(n, k) * both_hit(k, i, eps, target)
        for i in range(max(0, 2 * k - n), k + 1)
    )
    return one_hit(k, eps, target) ** 2 / sum(pairs)


def poisson(n: int, k: int, eps: float, target: float) -> float:
    """What the share would be if the subsets were independent: a heuristic, not a bound."""
    return float(-np.expm1(-expected(n, k, eps, target)))
