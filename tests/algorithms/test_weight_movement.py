"""Movement of weights: the raw ratio, the ratio among weights of like size, and that of random weights."""

from __future__ import annotations

import pytest
import torch
from benchmark.algorithms.weight_movement import matched, ratio, weight_movement
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmark import Masks, keep_top
from tests.support.runs import SGD, network, same, toy_run


def kept(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.bool)


def test_four_numbers() -> None:
    moved, size, mask = torch.tensor([2.0, 1.0, 9.0, 3.0]), torch.tensor([1.0, 1.0, 3.0, 3.0]), kept(1, 0, 1, 0)
    assert ratio(moved, mask) == pytest.approx(5.5 / 2)
    assert matched(moved, size, mask, bins=2) == pytest.approx((2 + 3) / 2)
    assert matched(moved, size, mask, bins=1) == pytest.approx(5.5 / 2), "one bin: the raw ratio"


def test_bins_are_weighted_by_what_they_keep() -> None:
    moved, size = torch.tensor([4.0, 2.0, 2.0, 9.0, 3.0, 3.0]), torch.tensor([1.0, 1, 1, 2, 2, 2])
    assert matched(moved, size, kept(1, 0, 0, 1, 1, 0), bins=2) == pytest.approx((1 * 2 + 2 * (6 / 3)) / 3)
    assert matched(moved, size, kept(1, 0, 0, 1, 0, 0), bins=2) == pytest.approx((2 + 3) / 2)


def test_movement_that_follows_from_the_initial_size_is_no_movement_of_the_ticket() -> None:
    size = torch.tensor([1.0, 1, 1, 3, 3, 3])
    mask = kept(1, 0, 0, 1, 1, 0)
    assert ratio(size, mask) == pytest.approx(7 / 5)
    assert matched(size, size, mask, bins=2) == pytest.approx(1)


def test_what_has_no_ratio_has_none() -> None:
    ones, none = torch.ones(4), torch.zeros(4)
    assert ratio(ones, kept(1, 1, 1, 1)) is ratio(ones, kept(0, 0, 0, 0)) is ratio(none, kept(1, 0, 1, 0)) is None
    assert matched(ones, ones, kept(1, 1, 1, 1)) is matched(none, ones, kept(1, 0, 1, 0)) is None
    assert matched(torch.ones(4), torch.tensor([1.0, 1, 2, 2]), kept(1, 1, 1, 0), bins=2) == 1, "a bin is left out"


@given(st.lists(st.tuples(st.floats(0.125, 8), st.floats(0.125, 8), st.booleans()), min_size=2), st.floats(0.125, 8))
def test_neither_depends_on_units_nor_on_the_shape(weights: list[tuple[float, float, bool]], unit: float) -> None:
    moved, size, mask = (torch.tensor(column) for column in zip(*weights, strict=True))
    for left, right in (
        (ratio(moved, mask), ratio(moved[:, None] * unit, mask[:, None])),
        (matched(moved, size, mask), matched(moved[:, None] * unit, size[:, None] * unit, mask[:, None])),
    ):
        assert left == right if left is None or right is None else left == pytest.approx(right, rel=1e-4)


@pytest.mark.runs
def test_it_trains_densely_and_notes_a_ratio_of_every_layer() -> None:
    run, twin = toy_run(SGD), toy_run(SGD)
    start = run.weights
    masks = keep_top({name: weight.abs() for name, weight in start.items()}, run.target)
    run._state._found = lambda key: Masks(dict(masks))
    weight_movement(run, of="0" * 64)
    twin.train()
    assert same(network(run), network(twin))
    assert run.masks.density == 1
    told = run._state.log.noted["movement"]
    assert told.keys() == masks.keys()
    for name, mask in masks.items():
        assert told[name]["raw"] == ratio((run.weights[name] - start[name]).abs(), mask)
        assert told[name]["random"] is None or 0 < told[name]["random"] < 10
