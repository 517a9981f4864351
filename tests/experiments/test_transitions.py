"""Where a curve goes through one half."""

from __future__ import annotations

import pandas as pd
import pytest
from benchmark.experiments._transitions import crossing


def rows(*shares: float, wide: float = 0.1) -> pd.DataFrame:
    measured = pd.Series(shares)
    frame = pd.DataFrame({"x": range(2, 2 + len(shares)), "measured": measured})
    return frame.assign(low=(measured - wide).clip(0), high=(measured + wide).clip(upper=1))


def test_it_lies_on_the_line_between_two_points() -> None:
    found = crossing(rows(0.1, 0.3, 0.7, 0.9).sample(frac=1, random_state=0), "x")
    assert found is not None
    assert (found.at, found.early, found.late, found.points) == pytest.approx((3.5, 3.25, 3.75, 4))


def test_the_claim_is_that_it_lies_between_two_values() -> None:
    found = crossing(rows(0.1, 0.3, 0.7, 0.9), "x")
    assert found is not None
    assert found.between(3, 4, "x").verdict(None)[0] == "holds"
    assert found.between(4, 6, "x").verdict(None)[0] == "does not hold"
    assert found.between(3.6, 5, "x").verdict(None)[0] == "not told apart"
    assert "at x = 3.50 [3.25, 3.75]" in found.between(3, 4, "x").says


@pytest.mark.parametrize("shares", [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.6, 0.7)])
def test_a_grid_that_misses_it_says_nothing(shares: tuple[float, ...]) -> None:
    assert crossing(rows(*shares), "x") is None
