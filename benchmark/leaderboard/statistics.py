"""Means, intervals, comparisons and ranks over seeds: pure numbers, no records. Only what is called is imported."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

ALPHA = 0.05
"""Level of every interval and of every test, for a whole family of comparisons."""


MAX_EXACT_PAIRS = 30
"""Pairs up to which all 2^n signs are counted; beyond them the t test says the same."""


NOISE = 1e-12
"""Differences below this share of the values are rounding."""


Test = Literal["paired t", "sign flip", "Welch t", ""]


@dataclass(frozen=True)
class Summary:
    """Mean over seeds, standard deviation (n - 1), 95 % interval of the mean; None where n is too small."""

    n: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """The mean of one group minus the mean of another; None where there are too few seeds to say.

    Args:
        n: seeds that both have, over which they are paired; 0 where they are compared as two separate samples.
        low, high: 95 % interval of this one difference (Student's t of the pairs, or Welch's), not corrected.
        p: two-sided, not corrected.
        test: what `p` comes from.
    """

    n: int
    mean: float
    low: float | None
    high: float | None
    p: float | None
    test: Test


def summarize(values: Sequence[float]) -> Summary:
    """Student's t interval; with one value there is a mean and nothing else."""
    n = len(values)
    if n == 0:
        return Summary(0, None, None, None, None)
    mean = statistics.fmean(values)
    if n == 1:
        return Summary(1, mean, None, None, None)
    std = _deviation(values, mean)
    half = _quantile(n - 1) * std / math.sqrt(n)
    return Summary(n, mean, std, mean - half, mean + half)


def compare(a: Mapping[int, float], b: Mapping[int, float], family: int = 1) -> Difference:
    """a minus b, each a value by seed: paired over the seeds that both have, Welch's test where these are fewer than 2.

    Args:
        family: comparisons that will be corrected together; see `paired`.
    """
    common = sorted(a.keys() & b.keys())
    if len(common) >= 2:
        return paired([a[seed] for seed in common], [b[seed] for seed in common], family)
    return welch(list(a.values()), list(b.values()))


def paired(a: Sequence[float], b: Sequence[float], family: int = 1) -> Difference:
    """At least two pairs. The exact sign-flip test where its smallest p, 2^(1 - n), is significant even after a
    correction over `family`; the paired t test where it could never be (3 pairs: p >= 0.25).

    Pairs that all differ by the same amount, as accuracies on a small test set may, have no spread to hold a t against;
    they are given to the sign-flip test too.
    """
    n = len(a)
    differences = [x - y for x, y in zip(a, b, strict=True)]
    mean = statistics.fmean(differences)
    noise = NOISE * max(map(abs, [*a, *b]))
    deviation = _deviation(differences, mean)
    error = deviation / math.sqrt(n) if deviation > noise else 0.0
    half = _quantile(n - 1) * error
    low, high = mean - half, mean + half
    if not error:  # one amount: of all signs, only all alike lie as far from 0
        return Difference(n, mean, low, high, 1.0 if abs(mean) <= noise else 2.0 ** (1 - n), "sign flip")
    if family * 2 ** (1 - n) <= ALPHA and n <= MAX_EXACT_PAIRS:
        return Difference(n, mean, low, high, sign_flip(differences), "sign flip")
    return Difference(n, mean, low, high, _two_sided(mean / error, n - 1), "paired t")


def sign_flip(differences: Sequence[float]) -> float:
    """Two-sided p: the share of all 2^n signs under which the sum lies as far from 0 as it does.

    The sums of each half of the differences are listed, and pairs of them counted by bisection: 2^(n/2) steps.
    """
    import numpy as np

    def sums(values: Sequence[float]) -> np.ndarray:
        totals = np.zeros(1)
        for value in values:
            totals = np.concatenate([totals + value, totals - value])
        return totals

    middle = len(differences) // 2
    left, right = sums(differences[:middle]), np.sort(sums(differences[middle:]))
    reached = abs(math.fsum(differences)) - 1e-9 * math.fsum(map(abs, differences))  # sums that tie but for rounding
    above = int((len(right) - np.searchsorted(right, reached - left)).sum())
    return min(1.0, 2.0 * above / 2.0 ** len(differences))


def welch(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Two separate samples of unequal variance, neither empty; no p where one has a single value, or none varies."""
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


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Corrected p-values of one family (Holm, 1979), in the same order. A comparison without a p is none."""
    order = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    least = 0.0
    for done, (p, place) in enumerate(order):
        least = max(least, min(1.0, (len(order) - done) * p))
        corrected[place] = least
    return corrected


def rank_intervals(n: int, better: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranks that each of n may have: 1 + how many are better, to n - how many are worse.

    Args:
        better: pairs (i, j) where i is significantly better than j.
    """
    beaten_by, beats = [0] * n, [0] * n
    for winner, loser in better:
        beats[winner] += 1
        beaten_by[loser] += 1
    return [(1 + beaten_by[i], n - beats[i]) for i in range(n)]


def ranks(values: Sequence[float]) -> list[float]:
    """1 for the smallest; values that tie share the mean of their ranks."""
    order = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(order, 1)))}
    last = {value: place for place, value in enumerate(order, 1)}
    return [(first[value] + last[value]) / 2 for value in values]


def friedman(columns: Sequence[Sequence[float]]) -> float | None:
    """p of Friedman's test, corrected for ties, that k >= 3 methods rank alike: [columns][k]; None where all tie."""
    n, k = len(columns), len(columns[0])
    ranked = [ranks(column) for column in columns]
    spread = sum((rank - (k + 1) / 2) ** 2 for row in ranked for rank in row) / (n * (k - 1))
    if not spread:
        return None
    means = [statistics.fmean(row[i] for row in ranked) for i in range(k)]
    from scipy.special import chdtrc

    return float(chdtrc(k - 1, n * sum((mean - (k + 1) / 2) ** 2 for mean in means) / spread))


def critical_difference(k: int, n: int) -> float:
    """Mean ranks of k methods over n columns that are further apart differ (Nemenyi at 5 %; Demsar, 2006)."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - ALPHA, k, math.inf)) * math.sqrt(k * (k + 1) / (12 * n))


def _deviation(values: Sequence[float], mean: float) -> float:
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _quantile(freedom: float) -> float:
    from scipy.special import stdtrit  # a small part of scipy.stats, and ten times faster to import

    return float(stdtrit(freedom, 1 - ALPHA / 2))


def _two_sided(t: float, freedom: float) -> float:
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -abs(t)))
