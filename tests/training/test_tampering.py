"""Changes of a network outside the verbs are breaches, wherever they are made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
import torch
from torch import nn

from benchmark import Masks, Run
from benchmark.errors import Breach
from benchmark.training.engine import CHECK_EVERY
from benchmark.training.state import comparison, copied
from tests.support.runs import (
    smallest,
    toy_run,
)


def revive(run: Run) -> None:
    with torch.no_grad():
        run._state.model[4].weight[0, 0] += 1


def recentre(run: Run) -> None:
    run._state.model[1].running_mean += 1


def behind_autograd(run: Run) -> None:
    run._state.model[4].weight.data[0, 0] += 1


BY_HAND = pytest.mark.parametrize("change", [revive, recentre, behind_autograd])


@BY_HAND
@pytest.mark.parametrize(
    ("verb", "when"),
    [
        (lambda run: run.prune(Masks.ones(run.weights)), "before prune()"),
        (lambda run: run.train(1), "before train()"),
        (lambda run: list(run.steps(1)), "before steps()"),
        (lambda run: run.restore(run.snapshot()), "before restore()"),
        (lambda run: run.rewind(0), "before rewind()"),
        (lambda run: run._state.finish(), "after the last verb"),
    ],
    ids=["prune", "train", "steps", "restore", "rewind", "finish"],
)
def test_changing_the_network_between_two_verbs_is_a_breach(change, verb, when):
    run = toy_run()
    run.train(2)
    change(run)
    with pytest.raises(Breach, match="the network was changed outside the verbs of the run"):
        verb(run)
    assert run._state.tamper_check.breaches == [f"the network was changed outside the verbs of the run, {when}"]


def hand_in_a_pause(
    run: Run, change: Callable[[Run], None], then: Callable[[Run], None] = lambda run: None, at: int = 0
) -> None:
    for step in run.steps(4):
        if step.index == at:
            change(run)
            then(run)
    run._state.finish()


@pytest.mark.parametrize("change", [revive, recentre])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_changing_weights_in_a_pause_is_a_breach(change, at):
    run = toy_run()
    with pytest.raises(Breach, match=r"weights were changed by hand in a pause of steps\(\)"):
        hand_in_a_pause(run, change, at=at)
    assert run._state.tamper_check.breaches == ["weights were changed by hand in a pause of steps()"]
    assert run.clock == at


@pytest.mark.runs
def test_a_breach_is_noted_even_where_it_is_swallowed():
    run = toy_run()
    with suppress(Breach):
        hand_in_a_pause(run, revive)
    run.train()
    run._state.finish()
    assert len(run._state.tamper_check.breaches) == 1


def test_pruning_after_a_change_by_hand_in_a_pause_does_not_hide_it():
    with pytest.raises(Breach):
        hand_in_a_pause(toy_run(), revive, then=lambda run: run.prune(run.masks))


@pytest.mark.runs
def test_changing_data_behind_autograd_is_found_at_the_first_pause_and_now_and_then_later():
    """Every pause would be dear: only the bits tell, and these are looked at every CHECK_EVERY steps."""
    with pytest.raises(Breach):
        hand_in_a_pause(toy_run(), behind_autograd)
    run = toy_run()
    run.train(CHECK_EVERY - 1)
    with pytest.raises(Breach):
        hand_in_a_pause(run, behind_autograd, at=CHECK_EVERY)


def of_another_shape(model: nn.Module) -> None:
    model[0].weight.data = model[0].weight.data.view(2, 4)


def of_another_type(model: nn.Module) -> None:
    model[1].num_batches_tracked = model[1].num_batches_tracked.view(torch.float64)


def of_another_name(model: nn.Module) -> None:
    model.other = model[0]
    del model[0]


def with_the_other_zero(model: nn.Module) -> None:
    model[0].bias.data[0] = -0.0


def with_the_other_nan(model: nn.Module) -> None:
    model[0].bias.data[1:2].view(torch.int32)[0] += 1


CHANGES = [of_another_shape, of_another_type, of_another_name, with_the_other_zero, with_the_other_nan]


@pytest.mark.parametrize("compare", [comparison, copied])
@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_network_is_told_bit_by_bit(compare, change):
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([0.0, torch.nan, 1.0, 2.0]))
    same = compare(model)
    assert same()
    change(model)
    assert not same()


def test_what_a_network_is_compared_with_is_held_in_a_pause_alone():
    run = toy_run()
    for step in run.steps(2):
        assert (run._state.tamper_check._same is not None) == (step.index == 0)
    for _ in run.steps(1):
        break
    assert run._state.tamper_check._same is None


def test_leaving_a_pause_for_good_does_not_hide_a_change_by_hand():
    run = toy_run()
    for _ in run.steps():
        revive(run)
        break
    assert run._state.tamper_check.breaches == ["weights were changed by hand in a pause of steps()"]


@pytest.mark.runs
def test_honest_pruning_in_a_pause_is_no_breach():
    run = toy_run()
    hand_in_a_pause(run, lambda run: run.prune(smallest(run)), then=lambda run: run.prune(~run.masks))
    assert run._state.tamper_check.breaches == []
