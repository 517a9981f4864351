"""The nearest sum of exactly k numbers against all subsets, and the odds against what was worked out by hand."""

from __future__ import annotations

from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest
from benchmark.experiments import _subset_sums as sums
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.lists(st.floats(-3, 3, allow_nan=False), min_size=1, max_size=12).map(np.array)


def by_brute_force(numbers: np.ndarray, k: int, target: float) -> float:
    return min(abs(sum(chosen) - target) for chosen in combinations(numbers.tolist(), k))


@given(NUMBERS, st.data(), st.floats(-4, 4))
def test_the_nearest_sum_is_that_of_all_subsets(numbers: np.ndarray, data: st.DataObject, target: float) -> None:
    k = data.draw(st.integers(0, len(numbers)))
    found = sums.nearest(numbers, k, target)
    assert found.error == pytest.approx(by_brute_force(numbers, k, target), abs=1e-9)
    assert found.subset.sum() == k
    assert abs(numbers[found.subset].sum() - target) == found.error


@given(NUMBERS, st.data(), st.floats(-4, 4))
def test_leaving_out_is_choosing(numbers: np.ndarray, data: st.DataObject, target: float) -> None:
    """err(k, z; X) = err(n - k, sum X - z; X)."""
    k = data.draw(st.integers(0, len(numbers)))
    one = sums.nearest(numbers, k, target).error
    other = sums.nearest(numbers, len(numbers) - k, float(numbers.sum()) - target).error
    assert one == pytest.approx(other, abs=1e-9)


@given(NUMBERS, st.floats(-4, 4))
def test_of_all_sizes_the_best_is_that_of_all_subsets(numbers: np.ndarray, target: float) -> None:
    errors = [sums.nearest(numbers, k, target).error for k in range(len(numbers) + 1)]
    every = np.zeros(1)
    for number in numbers:
        every = np.concatenate([every, every + number])
    assert min(errors) == pytest.approx(np.abs(every - target).min(), abs=1e-9)


def test_eight_numbers_worked_out_by_hand() -> None:
    numbers = np.array([0.9, -0.7, 0.4, 0.31, -0.2, 0.15, 0.05, -1.1])
    errors = [sums.nearest(numbers, k, 0.3).error for k in range(1, 9)]
    assert errors == pytest.approx([0.01, 0.06, 0.04, 0.01, 0.01, 0.06, 0.21, 0.49])


def test_what_cannot_be_solved_is_refused() -> None:
    with pytest.raises(ValueError, match="44 are the most"):
        sums.nearest(np.zeros(46), 3, 0.0)
    with pytest.raises(ValueError, match="no subset of 3 of 2"):
        sums.nearest(np.zeros(2), 3, 0.0)
    with pytest.raises(ValueError, match="26 are the most"):
        sums.widest_gap(np.zeros(28), 3, 1.0)


@given(st.lists(st.floats(-3, 3, allow_nan=False), min_size=2, max_size=9).map(np.array), st.data())
def test_no_target_is_worse_off_than_the_widest_gap(numbers: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(numbers) - 1))
    worst = sums.widest_gap(numbers, k, sqrt(k))
    errors = [by_brute_force(numbers, k, float(target)) for target in np.linspace(-sqrt(k), sqrt(k), 41)]
    assert max(errors) <= worst + 1e-9


def test_the_odds_of_four_of_eight() -> None:
    """n = 8, k = 4, z = 0, eps = 0.1."""
    assert sums.one_hit(4, 0.1, 0.0) == pytest.approx(0.0398776, abs=1e-7)
    assert sums.expected(8, 4, 0.1, 0.0) == pytest.approx(2.791433, abs=1e-6)
    assert sums.floor(8, 4, 0.1, 0.0) == pytest.approx(0.646221, abs=1e-6)
    assert sums.ceiling(8, 4, 0.1, 0.0) == 1.0


@pytest.mark.parametrize(("n", "k", "floor", "r"), [(12, 3, 0.09, 0.84), (16, 4, 0.41, 1.09), (20, 5, 0.81, 1.32)])
def test_the_odds_of_a_quarter(n: int, k: int, floor: float, r: float) -> None:
    assert sums.floor(n, k, 1e-3, 0.0) == pytest.approx(floor, abs=0.006)
    assert sums.scale(n, k, 1e-3) == pytest.approx(r, abs=0.006)


@pytest.mark.parametrize("shared", [1, 3, 5])
def test_two_subsets_with_numbers_in_common_at_small_eps(shared: int) -> None:
    """p2(i) is near 4 eps^2 exp(-z^2 / (k + i)) / (2 pi sqrt(k^2 - i^2))."""
    k, eps, z = 6, 1e-4, 1.5
    near = 4 * eps**2 * np.exp(-(z**2) / (k + shared)) / (2 * np.pi * sqrt(k**2 - shared**2))
    assert sums.both_hit(k, shared, eps, z) == pytest.approx(near, rel=1e-4)


@given(st.integers(2, 24), st.data(), st.sampled_from([0.3, 0.1, 1e-3]), st.floats(0, 3))
def test_the_floor_is_below_the_ceiling(n: int, data: st.DataObject, eps: float, target: float) -> None:
    k = data.draw(st.integers(1, n))
    assert 0 <= sums.floor(n, k, eps, target) <= sums.ceiling(n, k, eps, target) + 1e-9
    assert sums.expected(n, k, eps, target) <= comb(n, k)


def test_entropy_is_in_bits() -> None:
    assert [sums.entropy(share) for share in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([0, 0.811278, 1, 0])
