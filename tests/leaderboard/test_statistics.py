"""Comparisons and ranks against other implementations, on paper, and on simulated tables where the truth is known."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from benchmark.leaderboard.corrections import holm
from benchmark.leaderboard.statistics import (
    compare,
    critical_difference,
    friedman,
    paired,
    rank_intervals,
    ranks,
    sign_flip,
    welch,
)


def two(draw: int, n: int, m: int | None = None, gap: float = 0.5) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(draw)
    return rng.normal(gap, 1, n).tolist(), rng.normal(0, 2, m or n).tolist()


# --- two groups -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", range(5))
@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_pairs_are_compared_with_the_paired_t_test(n: int, draw: int) -> None:
    a, b = two(draw, n)
    found, known = paired(a, b), stats.ttest_rel(a, b)
    assert (found.n, found.test) == (n, "paired t")
    assert found.mean == pytest.approx(np.mean(np.subtract(a, b)))
    assert found.p == pytest.approx(known.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(known.confidence_interval(0.95)))


@pytest.mark.parametrize("draw", range(5))
@pytest.mark.parametrize("n", [6, 7, 10])
def test_more_pairs_are_compared_by_flipping_every_sign(n: int, draw: int) -> None:
    a, b = two(draw, n)
    found = paired(a, b)
    differences = np.subtract(a, b)
    known = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert (found.n, found.test) == (n, "sign flip")
    assert found.p == pytest.approx(known.pvalue)
    interval = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(interval)), "the interval is Student's whatever the test"


def test_sign_flips_on_paper() -> None:
    assert sign_flip([1.0, 2.0, 3.0]) == 2 / 8, "+++ and --- alone"
    assert sign_flip([1.0, 2.0, -3.0]) == 1
    assert sign_flip([3.0, 1.0, -1.0]) == 6 / 8, "of the 8 sums 5, 3, 3, 1 and their opposites, two are less than 3"
    assert sign_flip([0.1] * 10 + [-0.1]) == 2 * 12 / 2**11, "0.1 summed in other orders is not the same number"


def test_many_pairs_that_differ_by_one_amount_need_no_counting() -> None:
    found = paired([1.0] * 60, [0.5] * 60)
    assert (found.p, found.test, found.low, found.high) == (2.0**-59, "sign flip", 0.5, 0.5)


@pytest.mark.parametrize("n", range(2, 12))
def test_the_counting_of_halves_is_the_counting_of_all(n: int) -> None:
    differences = np.random.default_rng(n).integers(-4, 5, n) / 10
    sums = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in product((1, -1), repeat=n)]
    known = np.mean([total >= abs(differences.sum()) - 1e-9 for total in sums])
    assert sign_flip(differences.tolist()) == pytest.approx(known)


@pytest.mark.parametrize(
    ("n", "family", "test"),
    [
        (5, 1, "paired t"),  # the smallest p of sign flips is 1/16
        (6, 1, "sign flip"),  # 1/32
        (6, 2, "paired t"),
        (7, 3, "sign flip"),  # 3/64
        (10, 45, "paired t"),  # 45/512
        (11, 45, "sign flip"),  # 45/1024
        (31, 1, "paired t"),  # 2^31 signs are too many, and so many pairs need none
    ],
)
def test_signs_are_flipped_where_that_can_be_significant_after_the_correction(n: int, family: int, test: str) -> None:
    assert paired(*two(0, n), family).test == test


def test_pairs_that_all_differ_by_the_same_are_no_certainty() -> None:
    found = paired([0.97, 0.98, 0.96], [0.96, 0.97, 0.95])
    assert (found.test, found.p) == ("sign flip", 0.25)
    assert (found.mean, found.low, found.high) == pytest.approx((0.01, 0.01, 0.01))


def test_equal_pairs_do_not_differ() -> None:
    found = paired([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


@pytest.mark.parametrize("draw", range(5))
def test_other_seeds_are_compared_with_welchs_test(draw: int) -> None:
    a, b = two(draw, 4, 7)
    found = compare(dict(enumerate(a)), dict(enumerate(b, 3)))
    means = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    assert (found.n, found.test) == (0, "Welch t")
    assert found.p == pytest.approx(means.ttest_ind(usevar="unequal")[1])
    assert (found.low, found.high) == pytest.approx(means.tconfint_diff(usevar="unequal"))


def test_pairs_are_formed_over_the_seeds_that_both_have() -> None:
    a, b = {0: 1.0, 1: 2.0, 2: 4.0, 7: 100.0}, {2: 3.0, 1: 1.5, 0: 0.0, 8: -100.0}
    assert compare(a, b) == paired([1.0, 2.0, 4.0], [0.0, 1.5, 3.0])


@pytest.mark.parametrize(("a", "b"), [([1.0], [2.0]), ([1.0], [2.0, 3.0]), ([1.0, 1.0], [2.0, 2.0])])
def test_too_little_is_compared_without_a_p(a: list[float], b: list[float]) -> None:
    found = welch(a, b)
    assert found.mean == np.mean(a) - np.mean(b)
    assert (found.n, found.low, found.high, found.p, found.test) == (0, None, None, None, "")


# --- many groups ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", range(4))
def test_holm_is_statsmodels(draw: int) -> None:
    ps = np.random.default_rng(draw).uniform(0, 0.2, 10 + draw).round(2).tolist()
    assert holm(ps) == pytest.approx(multipletests(ps, method="holm")[1])


def test_a_comparison_without_a_p_is_not_counted() -> None:
    assert holm([None, 0.01, None, 0.04]) == [None, 0.02, None, 0.04]


@st.composite
def relations(draw: st.DrawFn) -> tuple[int, set[tuple[int, int]]]:
    """So many, and of some pairs which one is better."""
    n = draw(st.integers(1, 8))
    sides = draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=n * n, max_size=n * n))
    pairs = ((i, j, sides[i * n + j]) for i in range(n) for j in range(i))
    return n, {(i, j) if side > 0 else (j, i) for i, j, side in pairs if side}


@given(relations())
def test_rank_intervals_lie_between_first_and_last(relation: tuple[int, set[tuple[int, int]]]) -> None:
    n, better = relation
    assert all(1 <= low <= high <= n for low, high in rank_intervals(n, better))
    assert rank_intervals(n, set()) == [(1, n)] * n


@given(relations(), st.randoms(use_true_random=False))
def test_rank_intervals_do_not_care_for_names(relation: tuple[int, set[tuple[int, int]]], rng: object) -> None:
    n, better = relation
    order = list(range(n))
    rng.shuffle(order)  # type: ignore[attr-defined]
    found = rank_intervals(n, {(order[i], order[j]) for i, j in better})
    assert [found[order[i]] for i in range(n)] == rank_intervals(n, better)


@given(relations())
def test_rank_intervals_turn_over_with_the_direction(relation: tuple[int, set[tuple[int, int]]]) -> None:
    n, better = relation
    turned = rank_intervals(n, {(j, i) for i, j in better})
    assert turned == [(n + 1 - high, n + 1 - low) for low, high in rank_intervals(n, better)]


@given(relations())
def test_what_is_told_apart_narrows_the_intervals_and_nothing_else(relation: tuple[int, set[tuple[int, int]]]) -> None:
    n, better = relation
    full = rank_intervals(n, better)
    for pair in better:
        less = rank_intervals(n, better - {pair})
        assert all(l0 <= l1 and h1 <= h0 for (l0, h0), (l1, h1) in zip(less, full, strict=True))
        assert sum(high - low for low, high in less) == sum(high - low for low, high in full) + 2


def test_a_total_order_has_no_open_rank() -> None:
    assert rank_intervals(4, {(i, j) for i in range(4) for j in range(i + 1, 4)}) == [(i, i) for i in range(1, 5)]


@given(st.lists(st.integers(0, 5).map(float), min_size=1, max_size=10))
def test_ranks_are_scipys(values: list[float]) -> None:
    assert ranks(values) == stats.rankdata(values).tolist()


# --- over data sets ---------------------------------------------------------------------------------------------------

DEMSAR = """
    4 3 2 1    1 2 3 4      4 1 2 3    4 1 3 2        4 2 3 1      1 2.5 4 2.5    3 2 4 1
    2.5 2.5 4 1    4 3 2 1    2.5 2.5 2.5 2.5    4 2.5 1 2.5    3 2 4 1    4 1 2 3    3 1 4 2
"""
"""Ranks of Table 6 of Demsar (2006): C4.5 with four ways of pruning on 14 data sets."""


def test_demsars_example() -> None:
    table = np.array(DEMSAR.split(), dtype=float).reshape(14, 4)
    means = np.mean([ranks(row.tolist()) for row in table], axis=0)
    assert means == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert critical_difference(4, 14) == pytest.approx(2.569 * math.sqrt(4 * 5 / (6 * 14)), rel=1e-3)
    assert friedman(table.tolist()) == pytest.approx(stats.friedmanchisquare(*table.T).pvalue)


@pytest.mark.parametrize("draw", range(5))
def test_friedmans_test_is_scipys_with_ties_too(draw: int) -> None:
    table = np.random.default_rng(draw).integers(0, 4, (6, 5)).astype(float)
    assert friedman(table.tolist()) == pytest.approx(stats.friedmanchisquare(*table.T).pvalue)


def test_what_always_ties_has_no_friedman_test() -> None:
    assert friedman([[1.0, 1.0, 1.0]] * 4) is None


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_values_are_those_of_the_paper(k: int, q: float) -> None:
    """Table 5 of Demsar (2006)."""
    assert critical_difference(k, 7) == pytest.approx(q * math.sqrt(k * (k + 1) / 42), rel=1e-3)
