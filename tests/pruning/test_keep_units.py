"""Whole blocks and channels are kept by a score per unit: exactly as many as asked, the earlier of equal ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmark import Anywhere, Blocks, Channels, Inapplicable, Masks, Target, keep_top, keep_units, unit_means
from benchmark.pruning.target import Inversion

WEIGHTS = {"one": torch.arange(16.0).view(4, 4), "two": torch.tensor([[1.0, -3.0]])}
BLOCKS = Blocks(2, 2)
"""Of these weights, four blocks and one smaller."""


def channels() -> Channels:
    """Two outputs of a first layer, read by a second of three outputs, of which the last layer reads all."""
    first, second = torch.tensor([0, 1]), torch.tensor([2, 3, 4])
    members = {
        "first": (first.view(2, 1),),
        "second": (second.view(3, 1), first.view(1, 2)),
        "head": (second.view(1, 3),),
    }
    return Channels(members, torch.tensor([0, 0, 1, 1, 1]))


SHAPES = {"first": (2, 2), "second": (3, 2), "head": (2, 3), "free": (1, 2)}
ALL = Masks.ones({name: torch.zeros(shape) for name, shape in SHAPES.items()})


def test_the_mean_of_every_block_in_order() -> None:
    means = unit_means(WEIGHTS, Target(0.5, BLOCKS))
    assert means.tolist() == [2.5, 4.5, 10.5, 12.5, -1.0]


def test_the_best_blocks_are_kept_whole() -> None:
    masks = keep_units(torch.tensor([5.0, 1.0, 2.0, 9.0, 3.0]), Target(0.4, BLOCKS), Masks.ones(WEIGHTS))
    assert masks["one"].int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert not masks["two"].any()


def test_of_equal_blocks_the_earlier_stay() -> None:
    masks = keep_units(torch.zeros(5), Target(0.4, BLOCKS), Masks.ones(WEIGHTS))
    assert masks["one"][:2].all()
    assert masks.kept == 8


def test_a_pruned_block_does_not_come_back() -> None:
    among = keep_units(torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0]), Target(0.8, BLOCKS), Masks.ones(WEIGHTS))
    masks = keep_units(torch.tensor([9.0, 1.0, 2.0, 3.0, 4.0]), Target(0.4, BLOCKS), among)
    assert not masks["one"][:2].any()
    assert masks["one"][2:, 2:].all()
    assert masks["two"].all()


def test_a_channel_is_kept_with_every_slice_that_is_tied_to_it() -> None:
    masks = keep_units(torch.tensor([1.0, 2.0, 9.0, 7.0, 8.0]), Target(0.6, channels()), ALL)
    assert masks["first"].int().tolist() == [[0, 0], [1, 1]]
    assert masks["second"].int().tolist() == [[0, 1], [0, 0], [0, 1]]
    assert masks["head"].int().tolist() == [[1, 0, 1], [1, 0, 1]]
    assert masks["free"].all(), "in no channel"


def test_every_layer_keeps_a_channel() -> None:
    masks = keep_units(torch.tensor([-9.0, -8.0, 3.0, 2.0, 1.0]), Target(0.1, channels()), ALL)
    assert masks["first"].int().tolist() == [[0, 0], [1, 1]]
    assert masks["head"].int().tolist() == [[1, 0, 0], [1, 0, 0]]


@given(st.lists(st.integers(-2, 2), min_size=18, max_size=18), st.sampled_from([0.2, 0.4, 0.5, 0.8, 1.0]))
def test_with_the_means_of_weights_it_keeps_what_keep_top_does(numbers: list[int], density: float) -> None:
    one, two = torch.tensor(numbers, dtype=torch.float32).split([16, 2])
    scores: dict[str, Tensor] = {"one": one.view(4, 4), "two": two.view(1, 2)}
    for target in (Target(density, BLOCKS), Target(density, BLOCKS, Inversion())):
        assert keep_units(unit_means(scores, target), target, Masks.ones(scores)) == keep_top(scores, target)


def test_the_control_that_inverts_rankings_inverts_these_too() -> None:
    target = Target(0.2, BLOCKS, Inversion())
    masks = keep_units(torch.tensor([5.0, 1.0, 2.0, 9.0, 3.0]), target, Masks.ones(WEIGHTS))
    assert masks["one"][:2, 2:].all()
    assert target.inversion is not None
    assert target.inversion.used


def test_a_pattern_of_single_weights_has_no_units() -> None:
    for ask in (lambda t: keep_units(torch.zeros(5), t, ALL), lambda t: unit_means(WEIGHTS, t)):
        with pytest.raises(Inapplicable, match="pattern global has no units to keep whole"):
            ask(Target(0.5, Anywhere()))


@pytest.mark.parametrize(
    ("scores", "density", "says"),
    [
        (torch.zeros(4), 0.5, r"scores have the shape \(4,\); pattern blocks:2x2 has 5 units"),
        (torch.zeros(5, 1), 0.5, r"scores have the shape \(5, 1\)"),
        (torch.tensor([0.0, torch.nan, 0.0, 0.0, 0.0]), 0.5, "hold NaN"),
        (torch.zeros(5), 0.05, "density 0.05 keeps none of 5 blocks"),
    ],
)
def test_wrong_scores_are_errors_that_say_what_is_wrong(scores: Tensor, density: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        keep_units(scores, Target(density, BLOCKS), Masks.ones(WEIGHTS))


def test_more_than_is_left_cannot_be_kept() -> None:
    among = keep_units(torch.arange(5.0), Target(0.4, BLOCKS), Masks.ones(WEIGHTS))
    with pytest.raises(ValueError, match="3 weights were asked, only 2 are left"):
        keep_units(torch.arange(5.0), Target(0.6, BLOCKS), among)
