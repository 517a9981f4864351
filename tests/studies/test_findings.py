"""What a number with its interval says of a claim."""

from __future__ import annotations

import math

import pytest

from benchmark import Finding, UsageError, wilson
from benchmark.leaderboard.statistics import compare
from benchmark.leaderboard.variances import spreads
from benchmark.studies.findings import judged, paired


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.3, "holds"), (-0.3, -0.1, "does not hold"), (-0.1, 0.3, "not told apart"), (0.0, 0.0, "does not hold")],
)
def test_the_interval_decides(low: float, high: float, verdict: str) -> None:
    assert Finding((low + high) / 2, low, high, 5).verdict(None)[0] == verdict


def test_below_a_bound() -> None:
    assert Finding(0.001, -0.001, 0.003, 5, "below", 0.005).verdict(None)[0] == "holds"
    assert Finding(0.02, 0.01, 0.03, 5, "below", 0.005).verdict(None)[0] == "does not hold"


def test_two_seeds_show_nothing() -> None:
    assert Finding(0.5, 0.4, 0.6, 2).verdict(None) == ("not told apart", "n is 2; 3 are needed")
    assert Finding(0.5, 0.5, 0.5, 1).shortfall == "0.5 [0.5, 0.5], n = 1; 3 are needed"
    assert Finding(0.5, 0.4, 0.6, 3, "below", 0.1).shortfall == "0.5 [0.4, 0.6], n = 3; below 0.1 is needed"
    assert Finding.incomplete(["a run"]).shortfall == "no result of a run"


def test_many_seeds_can_show_any_of_many_claims() -> None:
    """A sign-flip test of nine seeds has no p below 0.004, which a correction over 141 claims leaves above 0.05."""
    for seeds in range(3, 20):
        better = paired(
            {seed: 1 + 0.01 * (seed % 3) for seed in range(seeds)}, {seed: 0.01 * (seed % 2) for seed in range(seeds)}
        )
        claims = judged([("it is better", better, "")] * 141)
        assert {claim.verdict for claim in claims} == {"holds"}, seeds


def test_what_is_missing_is_named_and_decides_first() -> None:
    verdict, reason = Finding.incomplete(["imp at 0.9, seed 1 (failed)"]).verdict(None)
    assert verdict == "incomplete"
    assert reason == "no result of imp at 0.9, seed 1 (failed)"
    assert Finding(math.nan, 0, 0, 9).verdict(None)[0] == "incomplete"


def test_an_absent_effect_comes_with_what_would_have_been_found() -> None:
    _, reason = Finding(0.0, -0.01, 0.01, 5).verdict(None)
    assert reason == "0.014 from 0 would be found in 80 % of the cases, were it the only claim"


def test_claims_are_corrected_together() -> None:
    """p = 0.03 is significant alone; of two such claims, Holm asks 0.025 of the first."""
    found = Finding(0.2, 0.1, 0.3, 5, p=0.03)
    assert [claim.verdict for claim in judged([("one", found, "")])] == ["holds"]
    assert [claim.verdict for claim in judged([("one", found, ""), ("two", found, "")])] == ["not told apart"] * 2


def test_behind_a_guard_that_failed_nothing_is_informative() -> None:
    [claim] = judged([("one", Finding(0.2, 0.1, 0.3, 5), "pre-training helps: no")])
    assert (claim.verdict, claim.reason) == ("uninformative", "pre-training helps: no")


def test_a_difference_is_paired_by_seed() -> None:
    a, b = {0: 0.9, 1: 0.8, 2: 0.7}, {0: 0.8, 1: 0.69, 2: 0.61}
    found = paired(a, b)
    assert found.estimate == pytest.approx(0.1)
    assert (found.n, found.bound, found.side) == (3, 0.0, "above")
    assert found.verdict(None)[0] == "holds"
    assert paired(a, b, above=0.2).verdict(None)[0] == "does not hold"
    assert paired(b, a, below=0.0).verdict(None)[0] == "holds"
    with pytest.raises(UsageError, match="one bound"):
        paired(a, b, above=0.0, below=1.0)


def test_the_p_value_is_against_the_bound() -> None:
    a, b = {0: 0.9, 1: 0.8, 2: 0.7}, {0: 0.8, 1: 0.69, 2: 0.61}
    assert paired(a, b, above=0.1).p == pytest.approx(1.0)
    near, far = paired(a, b).p, paired(a, b, above=0.09).p
    assert near is not None
    assert far is not None
    assert near < 0.01 < far


def test_the_noise_of_a_table_is_that_of_all_its_rows() -> None:
    """As on leaderboards: the variances are moderated by those of the other rows, which have the same seeds."""
    table = [{0: 0.90, 1: 0.81, 2: 0.70}, {0: 0.88, 1: 0.78, 2: 0.69}, {0: 0.5, 1: 0.41, 2: 0.31}, {0: 0.6, 3: 0.7}]
    a, b, *others = table
    known = spreads([list(row.values()) for row in table[:3]])
    assert known is not None
    assert paired(a, b, among=others).p == compare(a, b, spreads=(known[0], known[1])).p
    assert paired(a, b, among=table) == paired(a, b, among=others), "a and b count once"
    assert paired(a, b, among=[others[1]]) == paired(a, b), "rows without these seeds tell nothing"


def test_wilson_by_hand() -> None:
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(5, 10) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))
    assert wilson(10, 10)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)
