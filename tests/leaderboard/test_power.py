"""Comparisons of whole tables in which the truth is known: `python -m tests.power` has more tables and sizes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmark.leaderboard.statistics import ALPHA
from tests.power import LAYOUTS, NOISES, Case, bounds, count, equal, told_apart

TABLES = 400
MOST = stats.binom.ppf(0.999, TABLES, ALPHA)
"""False alarms among so many tables that a test at 5 % exceeds once in a thousand times."""


def quantised(rows: int, seeds: int, examples: int) -> list[np.ndarray]:
    """Accuracies that are whole numbers of hits on a test set, where a seed moves all rows."""
    rng = np.random.default_rng([rows, seeds, examples])
    truths = [0.95 + rng.normal(0, 0.003, seeds) + rng.normal(0, 0.002, (rows, seeds)) for _ in range(TABLES)]
    return [rng.binomial(examples, truth) / examples for truth in truths]


@pytest.mark.runs
@pytest.mark.parametrize("examples", [10_000, 360])
@pytest.mark.parametrize("seeds", [2, 3, 5, 12])
@pytest.mark.parametrize("rows", [2, 3, 6])
def test_the_same_algorithm_entered_again_is_told_apart_in_at_most_one_table_of_20(
    rows: int, seeds: int, examples: int
) -> None:
    assert sum(bool(told_apart(scores)) for scores in quantised(rows, seeds, examples)) <= MOST


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("rows", [4, 10, 30])
@pytest.mark.parametrize("noise", NOISES)
def test_equal_rows_are_told_apart_in_at_most_one_table_of_20(noise: str, rows: int, seeds: int) -> None:
    tables = 1000
    found = count(Case(NOISES[noise], rows, seeds), tables)
    assert bounds(found, tables)[0] <= ALPHA, f"{found} of {tables} tables"


@pytest.mark.slow
def test_equal_rows_stay_together_beside_far_ones() -> None:
    found = count(Case(equal, 10, 3, split=True), 1000)
    assert bounds(found, 1000)[0] <= ALPHA, f"{found} of 1,000 tables"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "gap", "layout", "power"),
    [
        (3, 4.0, "one row above nine equal ones", 0.8),
        (3, 4.0, "every row above the next", 0.8),
        (5, 2.0, "every row above the next", 0.5),
        (5, 3.0, "one row above nine equal ones", 0.8),
    ],
)
def test_a_gap_is_found(seeds: int, gap: float, layout: str, power: float) -> None:
    assert layout in LAYOUTS
    found = count(Case(equal, 10, seeds, gap, layout), 1000)
    assert bounds(found, 1000)[1] >= power, f"{found} of 1,000 tables"


def test_the_pooled_variance_finds_what_the_paired_test_cannot() -> None:
    """Four standard deviations with three seeds: 5 % of the tables by the paired t test and Holm."""
    case = Case(equal, 10, 3, 4.0, "one row above nine equal ones")
    assert count(case, 100) >= 65
