"""The mathematics of `streams`, on few rows; and a whole answer, which is the same a second time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmark.experiments._streams import (
    above_curve,
    at,
    diagonal,
    exactly_zero,
    forward_transfer,
    mean,
    with_forward_transfer,
)

from benchmark.results.store import Store
from tests.support.command import Bench


def runs(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([{"seed": number, "method": "a", "status": "ok", **row} for number, row in enumerate(rows)])


def test_forward_transfer_is_over_all_parts_but_the_first() -> None:
    rows = [[0.9], [0.8, 0.95], [0.7, 0.9, 0.7]]
    assert diagonal(rows) == [0.9, 0.95, 0.7]
    assert forward_transfer(diagonal(rows), [0.5, 0.9, 0.8]) == pytest.approx((0.05 - 0.1) / 2)
    assert math.isnan(forward_transfer(diagonal([[0.9, 0.9, 0.9]]), [0.5, 0.9, 0.8]))  # all parts at once


def test_forward_transfer_is_paired_by_seed() -> None:
    alone = runs({"diagnosis.R": [[0.5], [0.5, 0.6]]}, {"diagnosis.R": [[0.5], [0.5, 0.8]]})
    found = with_forward_transfer(runs({"diagnosis.R": [[1], [1, 0.7]]}, {"diagnosis.R": [[1], [1, 0.7]]}), alone)
    assert found.fwt.tolist() == [pytest.approx(0.1), pytest.approx(-0.1)]


def test_exactly_zero_counts_the_least_other_number() -> None:
    assert exactly_zero(runs({"bwt": 0.0}, {"bwt": 0.0})).verdict(None)[0] == "holds"
    assert exactly_zero(runs({"bwt": 0.0}, {"bwt": -1e-9})).verdict(None)[0] == "does not hold"


def test_a_curve_is_read_at_a_capacity_on_a_logarithmic_axis() -> None:
    curve = pd.DataFrame({"capacity": [0.1, 0.9, 0.3], "score": [0.5, 0.9, 0.7]})
    assert at(curve, 0.1) == 0.5
    assert at(curve, math.sqrt(0.03)) == pytest.approx(0.6)
    assert math.isnan(at(curve, 0.05))
    assert math.isnan(at(curve, 0.95))


def test_accuracy_is_compared_at_the_capacity_of_each_seed() -> None:
    curve = pd.concat(
        [
            runs(*[{"capacity": kept, "score": kept + seed / 100, "method": f"c{kept}"} for seed in range(3)])
            for kept in (0.1, 0.4)
        ]
    )
    own = runs(*[{"capacity": 0.2, "score": 0.3 + seed / 100, "method": "own"} for seed in range(3)])
    found = above_curve(own, curve, among=pd.concat([own, curve]))
    assert found.estimate == pytest.approx(0.05)  # 0.25 halfway between 0.1 and 0.4 on a logarithmic axis
    assert found.n == 3
    assert above_curve(own.assign(capacity=0.5), curve, among=own).verdict(None)[0] == "uninformative"


def test_the_mean_of_several_is_empty_above_the_diagonal() -> None:
    found = mean([[[1.0], [0.5, 1.0]], [[0.0], [0.5, 0.0]]])
    np.testing.assert_array_equal(found, [[0.5, np.nan], [0.5, 0.5]])


@pytest.mark.slow
def test_it_answers_and_a_second_call_runs_nothing(own: Store, bench: Bench) -> None:
    first = bench("experiment", "streams", "--size", "smoke", "--jobs", "0")
    assert first.code == 0, first.err
    [folder] = (own.root / "experiments" / "streams").iterdir()
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert files.keys() == {"rows.csv", "table.md", "claims.json", "accuracies.svg", "capacity.svg"}
    second = bench("experiment", "streams", "--size", "smoke", "--jobs", "0")
    assert "nothing has changed" in second.err
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == files
