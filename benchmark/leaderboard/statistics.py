"""Means, intervals, tests and ranks of plain numbers. SciPy is imported inside functions, because it loads slowly."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

ALPHA = 0.05
"""Significance level of all intervals and tests; corrected tests hold it for a whole family of comparisons."""

MAX_EXACT_PAIRS = 30
"""Largest number of pairs for the exact sign-flip test; with more, the t test gives the same result."""

NOISE = 1e-12
"""Differences smaller than this fraction of the values are rounding errors."""

Test = Literal["paired t", "pooled t", "sign flip", "Welch t", ""]


@dataclass(frozen=True)
class Summary:
    """Mean over seeds, sample standard deviation (n - 1) and 95 % interval of the mean; None if n is too small."""

    n: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """The mean of one group minus the mean of another. The interval and `p` are None if there are too few seeds.

    Args:
        n: number of common seeds, over which the groups are paired; 0 if they are compared as separate samples.
        low, high: 95 % interval of this difference (paired, pooled or Welch's t), not corrected.
        p: two-sided p-value, not corrected.
        test: the test that gave `p`.
        rows: number of rows whose variances a pooled t test uses; 0 for other tests.
    """

    n: int
    mean: float
    low: float | None
    high: float | None
    p: float | None
    test: Test
    rows: int = 0


@dataclass(frozen=True)
class Spread:
    """The noise of one row, estimated from all rows of its table; see `benchmark.leaderboard.variances`.

    Args:
        variance: the variance of a single seed, after the seeds' common effect has been removed.
        freedom: degrees of freedom of `variance`.
        most: degrees of freedom that no comparison may exceed.
        rows: number of rows pooled.
        stray: whether the row stands out, so that the other rows say nothing about its noise.
    """

    variance: float
    freedom: float
    most: float
    rows: int
    stray: bool


def summarize(values: Sequence[float]) -> Summary:
    """Return mean, standard deviation and Student's t interval; a single value has a mean only."""
    n = len(values)
    if n == 0:
        return Summary(0, None, None, None, None)
    mean = statistics.fmean(values)
    if n == 1:
        return Summary(1, mean, None, None, None)
    std = _deviation(values, mean)
    half = _quantile(n - 1) * std / math.sqrt(n)
    return Summary(n, mean, std, mean - half, mean + half)


def compare(
    a: Mapping[int, float], b: Mapping[int, float], family: int = 1, spreads: tuple[Spread, Spread] | None = None
) -> Difference:
    """Compare two groups, a minus b, given as values by seed.

    They are paired by seed; with fewer than two common seeds, Welch's test compares them as separate samples.

    Args:
        family: number of comparisons that will be corrected together; see `paired`.
        spreads: those of a and b over their common seeds; see `paired`.
    """
    common = sorted(a.keys() & b.keys())
    if len(common) >= 2:
        return paired([a[seed] for seed in common], [b[seed] for seed in common], family, spreads)
    return welch(list(a.values()), list(b.values()))


def paired(
    a: Sequence[float], b: Sequence[float], family: int = 1, spreads: tuple[Spread, Spread] | None = None
) -> Difference:
    """Compare two or more pairs of values, a minus b, by the first of these tests that is applicable.

    - The exact sign-flip test, if its smallest possible p, 2^(1 - n), remains significant after a correction over
      `family` comparisons; with 3 pairs, p >= 0.25.
    - The pooled t test, if `spreads` has the noise of both rows, and neither stands out.
    - The paired t test. Pairs that all differ by the same amount, as accuracies on a small test set may, have no
      variance for it; for them the sign-flip test is used, too.
    """
    n = len(a)
    differences = [x - y for x, y in zip(a, b, strict=True)]
    mean = statistics.fmean(differences)
    noise = NOISE * max(map(abs, [*a, *b]))
    deviation = _deviation(differences, mean)
    constant = deviation <= noise
    flips = n <= MAX_EXACT_PAIRS and family * 2 ** (1 - n) <= ALPHA
    if spreads and not flips and not any(spread.stray for spread in spreads):
        return _pooled(mean, n, spreads)
    error = 0.0 if constant else deviation / math.sqrt(n)
    half = _quantile(n - 1) * error
    low, high = mean - half, mean + half
    if constant:  # only all plus and all minus reach a sum this far from 0
        return Difference(n, mean, low, high, 1.0 if abs(mean) <= noise else 2.0 ** (1 - n), "sign flip")
    if flips:
        return Difference(n, mean, low, high, sign_flip(differences), "sign flip")
    return Difference(n, mean, low, high, _two_sided(mean / error, n - 1), "paired t")


def _pooled(mean: float, n: int, spreads: tuple[Spread, Spread]) -> Difference:
    """Compare two means of n seeds, whose variances add, by Student's t with Satterthwaite's degrees of freedom."""
    total = sum(spread.variance for spread in spreads)
    freedom = total**2 / sum(spread.variance**2 / spread.freedom for spread in spreads)
    freedom = min(freedom, *(spread.most for spread in spreads))
    error = math.sqrt(total / n)
    half = _quantile(freedom) * error
    p = _two_sided(mean / error, freedom)
    return Difference(n, mean, mean - half, mean + half, p, "pooled t", spreads[0].rows)


def sign_flip(differences: Sequence[float]) -> float:
    """Return the two-sided p: the share of all 2^n sign assignments whose sum is at least as far from 0.

    Lists the sums of each half of the differences and counts pairs of them by bisection, in about 2^(n/2) steps.
    """
    import numpy as np

    def sums(values: Sequence[float]) -> np.ndarray:
        totals = np.zeros(1)
        for value in values:
            totals = np.concatenate([totals + value, totals - value])
        return totals

    middle = len(differences) // 2
    left, right = sums(differences[:middle]), np.sort(sums(differences[middle:]))
    reached = abs(math.fsum(differences)) - 1e-9 * math.fsum(map(abs, differences))  # count ties despite rounding
    above = int((len(right) - np.searchsorted(right, reached - left)).sum())
    return min(1.0, 2.0 * above / 2.0 ** len(differences))


def welch(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Compare two non-empty samples of unequal variance; p is None if one has a single value or neither varies."""
    means, sizes = (statistics.fmean(a), statistics.fmean(b)), (len(a), len(b))
    mean = means[0] - means[1]
    if min(sizes) < 2:
        return Difference(0, mean, None, None, None, "")
    errors = [_deviation(values, m) ** 2 / len(values) for values, m in zip((a, b), means, strict=True)]
    error = math.sqrt(sum(errors))
    if error <= NOISE * max(map(abs, [*a, *b])):
        return Difference(0, mean, None, None, None, "")
    freedom = sum(errors) ** 2 / sum(e**2 / (size - 1) for e, size in zip(errors, sizes, strict=True))
    half = _quantile(freedom) * error
    return Difference(0, mean, mean - half, mean + half, _two_sided(mean / error, freedom), "Welch t")


def rank_intervals(n: int, better: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the lowest and highest rank that each of n methods may have.

    These are 1 + the number of significantly better methods, and n - the number of significantly worse ones.

    Args:
        better: pairs (i, j) such that method i is significantly better than j.
    """
    beaten_by, beats = [0] * n, [0] * n
    for winner, loser in better:
        beats[winner] += 1
        beaten_by[loser] += 1
    return [(1 + beaten_by[i], n - beats[i]) for i in range(n)]


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, 1 for the smallest. Tied values share the mean of their ranks."""
    order = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(order, 1)))}
    last = {value: place for place, value in enumerate(order, 1)}
    return [(first[value] + last[value]) / 2 for value in values]


def friedman(columns: Sequence[Sequence[float]]) -> float | None:
    """Return p of Friedman's test, corrected for ties, that k >= 3 methods rank alike; None if all values tie.

    Args:
        columns: for each column, the values of the k methods.
    """
    n, k = len(columns), len(columns[0])
    ranked = [ranks(column) for column in columns]
    spread = sum((rank - (k + 1) / 2) ** 2 for row in ranked for rank in row) / (n * (k - 1))
    if not spread:
        return None
    means = [statistics.fmean(row[i] for row in ranked) for i in range(k)]
    from scipy.special import chdtrc

    return float(chdtrc(k - 1, n * sum((mean - (k + 1) / 2) ** 2 for mean in means) / spread))


def critical_difference(k: int, n: int) -> float:
    """Return the difference in mean rank that is significant at 5 % for k methods over n columns (Nemenyi)."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - ALPHA, k, math.inf)) * math.sqrt(k * (k + 1) / (12 * n))


def _deviation(values: Sequence[float], mean: float) -> float:
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _quantile(freedom: float) -> float:
    from scipy.special import stdtrit  # imports ten times faster than scipy.stats

    return float(stdtrit(freedom, 1 - ALPHA / 2))


def _two_sided(t: float, freedom: float) -> float:
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -abs(t)))
