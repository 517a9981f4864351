"""Subsets of random vectors whose sum is near a kernel in every entry: the nearest, and the probability of a near one.

The vectors are v_i u_i, a normal number times normal numbers: what filter i of two random layers adds to a kernel if
v_i > 0. Filters with v_i < 0 add nothing to inputs that are not negative, and are not counted. Nor is the empty subset,
since it is near every small kernel.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import comb
from typing import Literal

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.spatial import cKDTree
from scipy.special import ndtr
from scipy.stats import chi2

from ._subset_sums import Array, Nearest

LARGEST = 36
"""The most vectors that are solved exactly: twice 2^18 partial sums."""

QUANTILES = 2000

Verdict = Literal["found", "impossible", "timeout"]


def drawn(rng: np.random.Generator, n: int, size: int) -> Array:
    """n random vectors: float64 [n, size]."""
    return rng.standard_normal((n, 1)) * rng.standard_normal((n, size))


def nearest(vectors: Array, kernel: Array) -> Nearest:
    """The nonempty subset whose sum is nearest to the kernel: its largest error over the entries is minimal.

    All sums of one half of the vectors are put into a k-d tree (Chebyshev's distance), and those of the other half are
    looked up in it.

    Args:
        vectors: float64 [n, size], n from 1 to 36.

    Raises:
        ValueError: there are more vectors than can be solved exactly, or none.
    """
    n = len(vectors)
    if not 1 <= n <= LARGEST:
        raise ValueError(f"{n} vectors cannot be searched exactly; 1 to {LARGEST} can")
    left, right = _sums(vectors[: n // 2]), _sums(vectors[n // 2 :])
    distances, at = cKDTree(left).query(kernel - right, p=np.inf)
    if at[0] == 0:  # both halves are empty
        others = np.abs(kernel - left[1:]).max(axis=1)
        distances[0], at[0] = (others.min(), 1 + others.argmin()) if len(others) else (np.inf, 0)
    code = int(distances.argmin())
    subset = np.array([*_bits(int(at[code]), n // 2), *_bits(code, n - n // 2)])
    return Nearest(error(vectors, subset, kernel), subset)


def error(vectors: Array, subset: Array, kernel: Array) -> float:
    """The largest error, over the entries of the kernel, of the sum of a subset, bool [n]."""
    return float(np.abs(vectors[subset].sum(axis=0) - kernel).max())


def _sums(vectors: Array) -> Array:
    """The sums of all subsets: [2^n, size]; bit i of the row says whether vector i is in it."""
    sums = np.zeros((1, vectors.shape[1]))
    for vector in vectors:
        sums = np.concatenate([sums, sums + vector])
    return sums


def _bits(code: int, count: int) -> list[bool]:
    return [bool(code >> place & 1) for place in range(count)]


def decided(vectors: Array, kernel: Array, eps: float, seconds: float) -> Verdict:
    """Whether some nonempty subset is within eps of the kernel, by mixed-integer programming (HiGHS).

    Nothing is minimised. What the solver finds counts only if its error, computed again, is below eps; if it exceeds
    eps by less than the solver's tolerance, the result is unknown, as after a timeout.

    Args:
        vectors: float64 [n, size].
        seconds: the time after which the search ends.
    """
    near = LinearConstraint(vectors.T / eps, kernel / eps - 1, kernel / eps + 1)
    some = LinearConstraint(np.ones((1, len(vectors))), 1, np.inf)
    nothing, whole = np.zeros(len(vectors)), np.ones(len(vectors))
    found = milp(
        nothing, integrality=whole, bounds=Bounds(0, 1), constraints=[near, some], options={"time_limit": seconds}
    )
    if found.x is not None and error(vectors, found.x > 0.5, kernel) < eps:
        return "found"
    return "impossible" if found.status == 2 else "timeout"


def descended(vectors: Array, kernel: Array) -> Array:
    """A subset, bool [n], whose sum is near a kernel: from the empty one, flip what helps most until nothing helps.

    A flip helps if it makes the sum of squared errors smaller. There may be better subsets.

    Args:
        vectors: float64 [n, size], of any number.
    """
    subset, rest, squares = np.zeros(len(vectors), dtype=bool), kernel.copy(), (vectors**2).sum(axis=1)
    while True:
        change = np.where(subset, 2, -2) * (vectors @ rest) + squares
        best = int(change.argmin())
        if change[best] >= -1e-12:
            return subset
        rest += vectors[best] if subset[best] else -vectors[best]
        subset[best] = not subset[best]


# --- the odds ---------------------------------------------------------------------------------------------------------


def expected(n: int, kernel: Array, eps: float) -> float:
    """The expected number of subsets that are within eps of the kernel.

    The squares of the k scalars of a subset sum to R, chi-squared with k degrees of freedom; given R, every entry of
    its sum is normal with variance R, independent of the others. R takes 2,000 equally probable values.
    """
    return _expected(n, tuple(kernel.tolist()), eps)


@lru_cache(256)
def _expected(n: int, kernel: tuple[float, ...], eps: float) -> float:
    entries = np.array(kernel)
    return float(sum(comb(n, k) * one_hit(k, entries, eps) for k in range(1, n + 1)))


def one_hit(k: int, kernel: Array, eps: float) -> float:
    """The probability that a given subset of size k is within eps of the kernel."""
    spread = _spreads(k)[:, None]
    return float((ndtr((kernel + eps) / spread) - ndtr((kernel - eps) / spread)).prod(axis=1).mean())


@cache
def _spreads(k: int) -> Array:
    spreads: Array = np.sqrt(chi2.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, k))
    return spreads


def least_width(kernel: Array, eps: float, step: int = 2) -> int:
    """The first of the widths step, 2 step, ... at which one subset or more is expected."""
    n = step
    while expected(n, kernel, eps) < 1:
        n += step
    return n
