"""Perceptrons of random units: each sees one input, and what is chosen behind them are sums of products."""

from __future__ import annotations

import pytest
import torch
from benchmark.tasks.images._pairs import RandomUnits, paired

from benchmark import UsageError
from benchmark.plugins import registry


def test_a_unit_sees_one_input_and_the_last_ones_see_1() -> None:
    units = RandomUnits(2, 2)
    units.weight = torch.tensor([[1.0, -1.0], [2.0, 0.5], [3.0, -3.0]])
    assert units(torch.tensor([[1.0, 10.0]])).tolist() == [[1.0, 0.0, 20.0, 5.0, 3.0, 0.0]]


def test_two_layers_compute_the_sums_of_their_products() -> None:
    model = paired("6", 1.0, (3, 2))()
    inputs = torch.rand(5, 3) - 1.0
    units, linear = model.units1, model.fc1
    sums = torch.einsum("iu,oiu->oi", units.weight.relu(), linear.weight.view(2, 4, 6))
    assert torch.allclose(model(inputs), torch.cat([inputs + 1, torch.ones(5, 1)], dim=1) @ sums.T, atol=1e-5)


def test_digits_prunes_the_chosen_layers_alone() -> None:
    task = registry.task("digits")
    model = task.model("pairs:4")()
    assert task.prunable(model) == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert [p.shape[1] for p in model.parameters()] == [65 * 4, 101 * 4, 51 * 4]
    least = task.data(None).train.batch(torch.arange(100))[0]  # type: ignore[arg-type]
    assert float(model.shift(least).min()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("units", ["0", "many", "1001", "-3", ""])
def test_a_wrong_number_of_units_is_told(units: str) -> None:
    with pytest.raises(UsageError, match="from 1 to 1,000, as pairs:32"):
        paired(units, 0.0, (3, 2))
