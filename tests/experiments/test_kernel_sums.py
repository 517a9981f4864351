"""The nearest sum of vectors against all subsets, and the odds against what was worked out by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from benchmark.experiments import _kernel_sums as sums
from hypothesis import given
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1)
HAND = np.array([(0.6, -0.2), (-0.3, 0.5), (0.25, 0.4), (-0.9, 0.1), (0.05, -0.35)])


def by_brute_force(vectors: np.ndarray, kernel: np.ndarray) -> float:
    subsets = [np.array(bits, dtype=bool) for bits in product([False, True], repeat=len(vectors)) if any(bits)]
    return min(sums.error(vectors, subset, kernel) for subset in subsets)


@given(SEEDS, st.integers(1, 9), st.integers(1, 4))
def test_the_nearest_sum_is_that_of_all_subsets(seed: int, n: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, kernel = sums.drawn(rng, n, size), rng.standard_normal(size) / size
    found = sums.nearest(vectors, kernel)
    assert found.error == pytest.approx(by_brute_force(vectors, kernel), abs=1e-12)
    assert found.error == sums.error(vectors, found.subset, kernel)
    assert found.subset.any()


@given(SEEDS, st.integers(2, 10), st.integers(2, 5), st.floats(0.1, 10))
def test_entries_may_change_places_and_all_may_grow(seed: int, n: int, size: int, by: float) -> None:
    rng = np.random.default_rng(seed)
    vectors, kernel, order = sums.drawn(rng, n, size), rng.standard_normal(size), rng.permutation(size)
    error = sums.nearest(vectors, kernel).error
    assert sums.nearest(vectors[:, order], kernel[order]).error == pytest.approx(error)
    assert sums.nearest(by * vectors, by * kernel).error == pytest.approx(by * error)


def test_five_vectors_worked_out_by_hand() -> None:
    found = sums.nearest(HAND, np.array([0.5, 0.5]))
    assert found.error == pytest.approx(0.15)
    assert found.subset.tolist() == [True, True, True, False, True]


def test_the_empty_subset_does_not_count() -> None:
    for vectors in (np.full((1, 2), 5.0), np.full((2, 2), 5.0), np.full((3, 2), 5.0)):
        found = sums.nearest(vectors, np.zeros(2))
        assert (found.error, found.subset.sum()) == (5.0, 1)
        assert sums.decided(vectors, np.zeros(2), 1.0, 10.0) == "impossible"


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(ValueError, match="37 vectors cannot be searched exactly; 1 to 36 can"):
        sums.nearest(np.zeros((37, 2)), np.zeros(2))
    with pytest.raises(ValueError, match="0 vectors"):
        sums.nearest(np.zeros((0, 2)), np.zeros(2))


@pytest.mark.parametrize("seed", range(12))
def test_programming_decides_what_search_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, kernel = sums.drawn(rng, 10, 2), np.full(2, 0.5)
    error = sums.nearest(vectors, kernel).error
    for eps in (0.02, 0.1, 0.3):
        assert sums.decided(vectors, kernel, eps, 60.0) == ("found" if error < eps else "impossible")


def test_without_time_nothing_is_decided() -> None:
    vectors = sums.drawn(np.random.default_rng(0), 60, 9)
    assert sums.decided(vectors, np.full(9, 1 / 9), 0.01, 1e-3) == "timeout"


@given(SEEDS, st.integers(1, 40), st.integers(1, 6))
def test_descending_ends_where_no_flip_helps(seed: int, n: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, kernel = sums.drawn(rng, n, size), rng.standard_normal(size)

    def squared(subset: np.ndarray) -> float:
        return float(((vectors[subset].sum(axis=0) - kernel) ** 2).sum())

    subset = sums.descended(vectors, kernel)
    assert squared(subset) <= squared(np.zeros(n, dtype=bool)) + 1e-9
    assert all(squared(subset ^ (np.arange(n) == i)) >= squared(subset) - 1e-9 for i in range(n))


@pytest.mark.parametrize(("n", "size", "odds"), [(8, 2, 0.6411), (20, 4, 1.4015), (24, 4, 11.464), (52, 9, 1.2796)])
def test_the_expected_number_of_subsets(n: int, size: int, odds: float) -> None:
    """Kernels of equal entries that sum to 1, eps = 0.1."""
    assert sums.expected(n, np.full(size, 1 / size), 0.1) == pytest.approx(odds, rel=1e-4)


@pytest.mark.parametrize(("size", "least"), [(1, 6), (2, 10), (4, 20), (9, 52)])
def test_the_width_at_which_a_subset_is_expected(size: int, least: int) -> None:
    assert sums.least_width(np.full(size, 1 / size), 0.1) == least


def test_one_vector_is_a_product_of_two_normal_numbers() -> None:
    """P(|v u - z| < eps) against 200,000 draws."""
    drawn = sums.drawn(np.random.default_rng(1), 200_000, 1)
    share = float((np.abs(drawn - 0.4) < 0.2).mean())
    assert sums.one_hit(1, np.array([0.4]), 0.2) == pytest.approx(share, abs=0.004)
