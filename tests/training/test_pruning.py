"""`run.prune`: what is pruned is zero and stays zero, what is kept is trained, and masks that do not fit are told."""

from __future__ import annotations

import pytest
import torch

from benchmark import Masks, keep_top
from tests.support.runs import (
    PLAIN,
    RECIPES,
    memory,
    pruned_values,
    smallest,
    toy_run,
)

pytestmark = pytest.mark.runs


@RECIPES
def test_pruned_weights_and_their_memory_are_exactly_zero_after_every_step(recipe):
    run = toy_run(recipe)
    run.train(3)
    run.prune(smallest(run))
    for _ in range(12):
        assert not pruned_values(run).any()
        run.train(1)
    for _ in run.steps(12):
        assert not pruned_values(run).any()
    assert not pruned_values(run).any()
    assert run.masks.density == pytest.approx(0.3, abs=1 / 384)


@RECIPES
def test_pruned_weights_stay_zero_while_masks_move_in_every_pause(recipe):
    run = toy_run(recipe)
    for step in run.steps():
        noise = {name: torch.rand(weight.shape, generator=run.rng) for name, weight in run.weights.items()}
        run.prune(keep_top(noise, run.target))
        assert not pruned_values(run).any()
        if step.index % 3 == 0:
            step.skip()
    assert not pruned_values(run).any()


@RECIPES
def test_what_is_kept_is_trained(recipe):
    run = toy_run(recipe)
    run.prune(smallest(run, 0.5))
    before = run.weights
    run.train(2)
    for name, weight in run.weights.items():
        assert (weight != before[name])[run.masks[name]].double().mean() > 0.5


@RECIPES
def test_regrown_weights_start_at_zero_without_memory_and_then_learn(recipe):
    run = toy_run(recipe)
    run.train(5)
    first = smallest(run, 0.5)
    run.prune(first)
    run.train(3)
    run.prune(~first)
    regrown = run.weights
    assert all(not weight.any() for weight in regrown.values())
    assert not any(slot.any() for slots in memory(run).values() for slot in slots)
    run.train(2)
    assert any(weight.any() for weight in run.weights.values())
    assert not pruned_values(run).any()


def test_a_weight_regrown_in_a_pause_takes_part_in_the_update_of_that_step():
    run = toy_run(PLAIN)
    run.prune(smallest(run))
    for step in run.steps(1):
        gradients = {name: grad.clone() for name, grad in step.grads.items()}
        regrown = ~run.masks
        run.prune(Masks.ones(run.weights))
    for name, weight in run.weights.items():
        torch.testing.assert_close(weight[regrown[name]], -PLAIN.rate * gradients[name][regrown[name]])


@pytest.mark.parametrize(
    ("change", "odd"),
    [
        (lambda masks: {n: m for n, m in masks.items() if n != "4.weight"}, "4.weight"),
        (lambda masks: masks | {"1.weight": torch.ones(16).bool()}, "1.weight"),
        (lambda masks: masks | {"4.weight": torch.ones(16, 1).bool()}, "4.weight"),
        (lambda masks: {}, "0.weight, 4.weight, 6.weight"),
        (lambda masks: {f"model.{n}": m for n, m in masks.items() if n == "0.weight"}, "0.weight, 4.weight, 6.weight"),
    ],
    ids=["missing", "not prunable", "shape", "nothing", "renamed"],
)
def test_masks_that_do_not_fit_are_an_error_that_names_the_tensors(change, odd):
    run = toy_run()
    with pytest.raises(ValueError, match="masks do not fit the prunable tensors of this task: .*" + odd):
        run.prune(Masks(change(dict(Masks.ones(run.weights)))))
    assert run.masks.density == 1.0
    run.train(1)


def test_masks_may_come_in_any_order():
    run = toy_run()
    masks = smallest(run)
    run.prune(Masks({name: masks[name] for name in reversed(list(masks))}))
    assert run.masks == masks
    assert list(run.masks) == list(run.weights)
