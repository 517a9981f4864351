"""Pooled variances on paper, and how they treat rows that stand out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmark.leaderboard.corrections import ryan
from benchmark.leaderboard.statistics import paired
from benchmark.leaderboard.variances import APART, PRIOR, spreads


def table(rows: int, seeds: int, draw: int = 0) -> np.ndarray:
    return np.random.default_rng(draw).normal(size=(rows, seeds))


def test_a_spread_on_paper() -> None:
    """Against the mean of the others, the rows change by 3, -3 and 0 from seed to seed; by 2, -2 and 0 as residuals."""
    found = spreads([[0.0, 2.0], [0.0, -2.0], [0.0, 0.0]])
    assert found is not None
    own = [3**2 / 2 * 2 / 3, 3**2 / 2 * 2 / 3, 0.0]
    pooled = (2**2 / 2 + 2**2 / 2) / 2  # squares of residuals, over (3 - 1) * (2 - 1) degrees of freedom
    assert sum(own) * (2 / 3) / 2 == pytest.approx(pooled)
    assert [one.variance for one in found] == pytest.approx([(PRIOR * pooled + x) / (PRIOR + 1) for x in own])
    assert [(one.freedom, one.most, one.rows) for one in found] == [(PRIOR + 1, 1, 3)] * 3


@given(st.integers(3, 8), st.integers(2, 6), st.integers(0, 99))
def test_neither_the_level_of_a_row_nor_that_of_a_seed_matters(rows: int, seeds: int, draw: int) -> None:
    scores = table(rows, seeds, draw)
    moved = scores + np.arange(rows)[:, None] - 2 * np.arange(seeds)
    found, again = spreads(scores.tolist()), spreads(moved.tolist())
    assert found is not None
    assert again is not None
    assert [one.variance for one in again] == pytest.approx([one.variance for one in found])


def test_what_cannot_be_pooled_is_not() -> None:
    assert spreads(table(2, 5).tolist()) is None, "of two rows, only the difference is known"
    assert spreads(table(5, 1).tolist()) is None
    assert spreads([[0.9, 0.8], [0.7, 0.6], [0.5, 0.4]]) is None, "all rows change alike"


def test_a_wild_row_neither_leans_on_the_others_nor_spoils_them() -> None:
    calm = table(9, 5)
    found = spreads([*calm.tolist(), (1000 * table(1, 5, 1)[0]).tolist()])
    alone = spreads(calm.tolist())
    assert found is not None
    assert alone is not None
    assert [one.stray for one in found] == [False] * 9 + [True]
    assert found[0].rows == 9
    most = (9 + APART) / 10
    assert all(one.variance <= most * other.variance for one, other in zip(found, alone, strict=False))


def test_a_pooled_difference_on_paper() -> None:
    scores = table(6, 3)
    known = spreads(scores.tolist())
    assert known is not None
    a, b = known[:2]
    found = paired(scores[0].tolist(), scores[1].tolist(), 15, (a, b))
    error = np.sqrt((a.variance + b.variance) / 3)
    freedom = min(8.0, 6 * (a.variance + b.variance) ** 2 / (a.variance**2 + b.variance**2))
    t = (scores[0].mean() - scores[1].mean()) / error
    assert (found.test, found.rows) == ("pooled t", 6)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), freedom))
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, freedom, found.mean, error))


def test_signs_are_flipped_before_variances_are_pooled_and_strays_are_paired() -> None:
    scores = table(6, 11)
    known = spreads(scores.tolist())
    assert known is not None
    assert paired(scores[0].tolist(), scores[1].tolist(), 45, (known[0], known[1])).test == "sign flip"
    wild = spreads([*table(5, 3).tolist(), [0.0, 900.0, -900.0]])
    assert wild is not None
    assert paired([0.0, 900.0, -900.0], [0.0, 1.0, 0.5], 15, (wild[5], wild[0])).test == "paired t"


# --- the correction ---------------------------------------------------------------------------------------------------


def test_ryan_on_paper() -> None:
    """A pair counts 3 times in the set of all three rows, which the least p rejects for all, and 1.5 times alone."""
    found = ryan({(0, 1): 0.01, (0, 2): 0.004, (1, 2): 0.02}, 3)
    assert found == pytest.approx({(0, 1): 0.015, (0, 2): 0.012, (1, 2): 0.03})


def test_a_pair_alone_is_not_corrected_and_other_columns_are_counted() -> None:
    assert ryan({(0, 1): 0.01}, 2) == {(0, 1): 0.01}
    assert ryan({(0, 1): 0.01}, 8) == {(0, 1): 0.04}


@st.composite
def families(draw: st.DrawFn) -> tuple[int, dict[tuple[int, int], float]]:
    rows = draw(st.integers(2, 6))
    return rows, {(i, j): draw(st.floats(1e-6, 1)) for i in range(rows) for j in range(i + 1, rows)}


@given(families())
def test_ryan_lies_between_no_correction_and_bonferronis(family: tuple[int, dict[tuple[int, int], float]]) -> None:
    rows, ps = family
    for pair, p in ryan(ps, rows).items():
        assert min(1.0, ps[pair] * rows / 2) <= p * (1 + 1e-9)
        assert p <= min(1.0, ps[pair] * len(ps)) * (1 + 1e-9)
