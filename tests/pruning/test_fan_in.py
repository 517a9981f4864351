"""Constant fan-in: every live output of a layer keeps as many inputs as the others, and the audit sees where not."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmark import FanIn, Masks, Target, keep_top
from benchmark.contract import trial
from benchmark.pruning.pattern_names import pattern_named

SCORES = {"fc": torch.tensor([[4.0, 1.0, 3.0, 2.0], [9.0, 8.0, 7.0, 6.0], [0.0, 0.3, 0.1, 0.2]])}


def rows(*kept: int, width: int = 4) -> Masks:
    """An output of `width` inputs for every number, the first ones of it kept."""
    return Masks({"fc": torch.stack([torch.arange(width) < count for count in kept])})


def counts(masks: Masks, name: str = "fc") -> list[int]:
    return masks[name].flatten(1).sum(dim=1).tolist()


def test_every_output_keeps_its_best_inputs_however_small_they_are() -> None:
    found = keep_top(SCORES, Target(0.5, FanIn()))["fc"]
    assert found.int().tolist() == [[1, 0, 1, 0], [1, 1, 0, 0], [0, 1, 0, 1]]


def test_of_equal_inputs_the_first_are_kept_and_counted_as_ties() -> None:
    found = keep_top({"fc": torch.ones(2, 4)}, Target(0.5, FanIn()))
    assert found["fc"].int().tolist() == [[1, 1, 0, 0]] * 2
    assert (found.ties.kept, found.ties.total) == (4, 8)


def test_kernel_positions_are_inputs() -> None:
    scores = {"conv": torch.arange(2 * 3 * 2 * 2).view(2, 3, 2, 2).float()}
    found = keep_top(scores, Target(0.25, FanIn()))
    assert counts(found, "conv") == [3, 3]
    assert found["conv"].flatten(1)[:, -3:].all()


@pytest.mark.parametrize(("density", "inputs"), [(1.0, 4), (0.6, 2), (0.5, 2), (0.3, 1), (0.01, 1)])
def test_the_share_is_rounded_for_an_output_and_is_at_least_one(density: float, inputs: int) -> None:
    assert counts(keep_top(SCORES, Target(density, FanIn()))) == [inputs] * 3


def test_pruned_inputs_do_not_come_back_and_dead_outputs_stay_dead() -> None:
    among = Masks({"fc": torch.tensor([[0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]]).bool()})
    found = keep_top(SCORES, Target(1 / 3, FanIn()), among)  # of 12 weights 4, two for each of the outputs that live
    assert found["fc"].int().tolist() == [[0, 1, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1]]


def test_an_output_with_too_few_inputs_left_is_an_error() -> None:
    with pytest.raises(ValueError, match="pattern fan-in: an output has fewer than 2 live inputs left"):
        keep_top(SCORES, Target(0.5, FanIn()), rows(4, 1, 4))


@pytest.mark.parametrize(
    ("masks", "breach"),
    [
        (rows(2, 2, 2), None),
        (rows(3, 0, 3), None),
        (rows(2, 2, 3), "'fc' has 1 live outputs that do not keep 2 inputs"),
        (rows(2, 0, 2), "'fc' has 2 live outputs that do not keep 3 inputs"),
        (rows(4, 0, 0), "'fc' has 1 live outputs, too few to keep 0.5 of 12 weights"),
        (rows(0, 0, 0), "'fc' has 0 live outputs, too few to keep 0.5 of 12 weights"),
    ],
    ids=["all live", "one dead", "one too many", "dead without more for others", "too few live", "none"],
)
def test_breach_says_what_is_wrong(masks: Masks, breach: str | None) -> None:
    assert pattern_named("fan-in").breach(masks, 0.5) == breach


@given(st.integers(1, 6), st.integers(1, 9), st.floats(0.01, 1), st.integers(0, 99))
def test_what_is_kept_has_no_breach_and_the_best_of_every_row(
    outputs: int, width: int, density: float, seed: int
) -> None:
    scores = {"fc": torch.rand(outputs, width, generator=torch.Generator().manual_seed(seed))}
    found = keep_top(scores, Target(density, FanIn()))
    assert FanIn().breach(found, density) is None
    for score, mask in zip(scores["fc"], found["fc"], strict=True):
        assert score[mask].min() >= (score[~mask].max() if (~mask).any() else 0)
    fewer = keep_top(scores, Target(density / 2, FanIn()), found)
    assert fewer & found == fewer


@pytest.mark.runs
def test_a_record_has_it() -> None:
    record = trial.record("magnitude", "fan-in", 0.5)
    assert record.status == "ok", record.error
    assert {name: layer.kept for name, layer in record.layers.items()} == {
        "0.weight": 16 * 3,
        "4.weight": 16 * 8,
        "6.weight": 2 * 8,
    }


def test_channels_last_scores_give_the_same_masks() -> None:
    scores: dict[str, Tensor] = {"conv": torch.rand(4, 4, 3, 3).to(memory_format=torch.channels_last)}
    same = {"conv": scores["conv"].contiguous()}
    assert keep_top(scores, Target(0.3, FanIn())) == keep_top(same, Target(0.3, FanIn()))
