"""`run.steps`: one pause between backward and update, what may be done in it, and what may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from benchmark import Run
from tests.support.runs import (
    PLAIN,
    RECIPES,
    memory,
    network,
    pruned_values,
    same,
    smallest,
    toy_run,
)

pytestmark = pytest.mark.runs


def test_steps_count_from_the_clock():
    run = toy_run()
    run.train(3)
    assert [step.index for step in run.steps(4)] == [3, 4, 5, 6]
    assert [step.index for step in run.steps()] == [7, 8, 9, 10, 11]
    assert list(run.steps()) == []


def test_it_pauses_in_some_steps_alone_where_it_is_told_which():
    run = toy_run()
    run.train(3)
    assert [step.index for step in run.steps(6, at=range(0, 100, 4))] == [4, 8]
    assert run._state.engine.clock == 9
    assert [step.index for step in run.steps(at=())] == []
    assert run._state.engine.clock == 12


@RECIPES
def test_pauses_do_not_change_a_bit(recipe):
    every, some = toy_run(recipe), toy_run(recipe)
    for step in every.steps():
        if step.index in (0, 5):
            every.prune(smallest(every, 0.5 - step.index / 20))
    for step in some.steps(at={0, 5}):
        some.prune(smallest(some, 0.5 - step.index / 20))
    assert same(every.weights, some.weights)
    assert same(network(every), network(some))
    assert every._state.meter.log == some._state.meter.log


def test_a_skipped_step_leaves_weights_and_memory_and_lets_the_schedule_move():
    run = toy_run()
    run.train(2)
    weights, slots = run.weights, {name: [s.clone() for s in found] for name, found in memory(run).items()}
    for step in run.steps(3):
        step.skip()
    assert same(weights, run.weights)
    assert all(torch.equal(a, b) for name in slots for a, b in zip(slots[name], memory(run)[name], strict=True))
    assert run.clock == 5


def test_the_loss_of_a_step_is_a_number_before_its_update():
    run = toy_run(replace(PLAIN, rate=0.5))
    for step in run.steps(2):
        assert step.loss.dim() == 0
        assert not step.loss.requires_grad


def test_gradients_of_a_step_are_dense():
    run = toy_run()
    run.prune(smallest(run, 0.5))
    for step in run.steps(3):
        assert list(step.grads) == list(run.parameters)
        for name in run.weights:
            grad = step.grads[name]
            assert (grad[~run.masks[name]] != 0).double().mean() > 0.5


def test_editing_the_gradients_changes_the_update():
    run, twin = toy_run(PLAIN), toy_run(PLAIN)
    for step in run.steps(1):
        step.grads["4.weight"].zero_()
        step.grads["6.weight"].fill_(1.0)
    list(twin.steps(1))
    fresh = toy_run(PLAIN).weights
    assert torch.equal(run.weights["4.weight"], fresh["4.weight"])
    assert torch.equal(run.weights["6.weight"], fresh["6.weight"] - PLAIN.rate)
    assert torch.equal(run.weights["0.weight"], twin.weights["0.weight"])


@RECIPES
def test_edited_gradients_do_not_revive_pruned_weights(recipe):
    run = toy_run(recipe)
    run.prune(smallest(run))
    for step in run.steps():
        for grad in step.grads.values():
            grad.fill_(1.0)
    assert not pruned_values(run).any()


def test_a_pause_may_be_left_for_good_before_the_update():
    run = toy_run()
    for step in run.steps():
        if step.index == 2:
            weights = run.weights
            break
    assert run.clock == 2
    assert same(weights, run.weights)
    run.train()
    assert run.clock == run.recipe.steps


def test_in_a_pause_one_may_look_prune_and_copy():
    run = toy_run()
    for _ in run.steps(1):
        batch = run.batches(1)[0]
        run.loss(batch)
        run.gradients(1)
        early = run.snapshot()
        run.prune(smallest(run))
    assert early.clock == 0
    assert run._state.tamper_check.breaches == []


def forbidden(run: Run) -> dict[str, Callable[[], object]]:
    identity = {name: torch.ones_like(weight) for name, weight in run.weights.items()}
    return {
        "train": run.train,
        "steps": lambda: next(run.steps()),
        "restore": lambda: run.restore(run.snapshot()),
        "rewind": lambda: run.rewind(0),
        "learning": lambda: run.learning(identity, lambda scores: scores).__enter__(),
        "rewrite": lambda: run.rewrite(lambda graph: graph),
    }


@pytest.mark.parametrize("verb", ["train", "steps", "restore", "rewind", "learning", "rewrite"])
def test_in_a_pause_no_other_training_can_begin(verb):
    run = toy_run()
    for _ in run.steps(1):
        with pytest.raises(RuntimeError, match=rf"{verb}\(\) cannot be called in a pause of steps\(\)"):
            forbidden(run)[verb]()
    run.train(1)
    assert run._state.tamper_check.breaches == []
