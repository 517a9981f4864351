"""The curve of the last training: at even steps, of that training alone, and without a trace."""

from __future__ import annotations

import pytest
import torch

from benchmark.contract import trial
from benchmark.contract.toy import toy
from benchmark.training.curve import Curve
from tests.support.runs import toy_run


def test_points_are_even_and_losses_are_means_between_them():
    told = iter([{"loss": 3.0}, {"loss": 1.0}, {"loss": 1.0}])
    curve = Curve(3, lambda: next(told))
    curve.begin(5)
    curve.follow(torch.tensor(99.0))
    curve.begin(6)
    for loss in range(6):
        curve.follow(torch.tensor(float(loss)))
    assert curve.rows == [
        {"step": 2, "loss": 0.5, "validation.loss": 3.0},
        {"step": 4, "loss": 2.5, "validation.loss": 1.0},
        {"step": 6, "loss": 4.5, "validation.loss": 1.0},
    ]
    assert curve.noted()["early_stop"] == 4


def test_more_points_than_steps_are_one_a_step():
    curve = Curve(40, dict)
    curve.begin(3)
    for _ in range(3):
        curve.follow(torch.zeros(()))
    assert [row["step"] for row in curve.rows] == [1, 2, 3]
    assert curve.noted()["early_stop"] is None


@pytest.mark.runs
def test_a_run_that_is_followed_is_trained_to_the_same_bits():
    followed, plain = toy_run(), toy_run()
    followed._state.follow(5)
    for run in (followed, plain):
        run.train()
    assert all(torch.equal(a, b) for a, b in zip(followed.weights.values(), plain.weights.values(), strict=True))
    rows = followed._state.curve.rows
    assert [row["step"] for row in rows] == [2, 5, 7, 10, 12]
    assert rows[-1]["validation.accuracy"] == followed.evaluate()["accuracy"]


@pytest.mark.runs
def test_the_record_has_it_and_its_cell_says_so():
    record = trial.record("imp", sparsity=0.5, curve=4)
    plain = trial.record("imp", sparsity=0.5)
    assert record.cell.options["curve"] == 4
    assert (record.metrics, record.mask_digest) == (plain.metrics, plain.mask_digest)
    assert [row["step"] for row in record.noted["curve"]["rows"]] == [60, 120, 180, 240]
    assert set(record.noted["train"]) == set(toy.metrics)
    assert not plain.noted
