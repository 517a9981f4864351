"""`run.learning`: scores are trained in place of weights, on a schedule of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from benchmark import Recipe, Run, keep_top
from benchmark.contract.toy import toy
from tests.support.runs import (
    RECIPES,
    Camera,
    four_numbers,
    network,
    pruned_values,
    same,
    toy_run,
)

pytestmark = pytest.mark.runs


def gates(run: Run) -> tuple[dict[str, Tensor], Callable[[dict[str, Tensor]], dict[str, Tensor]]]:
    """Scores of one, and the weights they open: weight times score."""
    weights = run.weights
    ones = {name: torch.ones_like(weight) for name, weight in weights.items()}
    return ones, lambda scores: {name: weights[name] * scores[name] for name in weights}


def parameters(run: Run) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in run._state.model.named_parameters()}


@RECIPES
def test_while_learning_scores_every_parameter_is_frozen_bit_for_bit(recipe):
    run = toy_run(recipe)
    run.train(3)
    before = parameters(run)
    ones, opened = gates(run)
    with run.learning(ones, opened) as scores:
        assert not any(parameter.requires_grad for parameter in run._state.model.parameters())
        run.train(4)
        assert not any(torch.equal(score, ones[name]) for name, score in scores.items())
        for step in run.steps(4):
            assert list(step.grads) == list(scores)
    assert same(parameters(run), before)
    assert all(bool((one == 1).all()) for one in ones.values())


def test_learning_has_a_schedule_of_its_own_and_gives_the_old_one_back():
    camera = Camera()
    run = toy_run()
    run.train(3)
    with run.learning(*gates(run), recipe=Recipe(steps=5, batch_size=7, rate=0.1, augment=camera)):
        assert run.clock == 0
        run.train()
        assert run.clock == 5
    assert {len(batch) for batch in camera.batches} == {7}
    assert run.clock == 3


def test_scores_of_one_learn_as_the_chain_rule_says():
    """loss = |W g x|^2 / 2 with gates g = 1: the gate's gradient is w times the weight's."""
    run = four_numbers([[1.0, -1.0]])
    with run.learning(*gates(run)) as scores:
        for step in run.steps(1):
            assert step.grads["0.weight"].tolist() == [[-1.0, 2.0], [-3.0, 4.0]]
        torch.testing.assert_close(scores["0.weight"].detach(), torch.tensor([[1.1, 0.8], [1.3, 0.6]]))


@RECIPES
def test_pruning_while_learning_freezes_scores_at_zero(recipe):
    run = toy_run(recipe)
    with run.learning(*gates(run)) as scores:
        run.train(3)
        run.prune(keep_top({name: score.detach().abs() for name, score in scores.items()}, run.target))
        run.train(3)
        for name, score in scores.items():
            assert not score[~run.masks[name]].any()
            assert score[run.masks[name]].any()
    assert not pruned_values(run).any()
    run.train()
    assert not pruned_values(run).any()


def test_after_learning_the_weights_train_as_if_nothing_had_been():
    """Without batch norm, whose statistics follow every forward pass in training."""
    task = replace(toy, models={"net": lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))})
    run, plain = toy_run(task=task), toy_run(task=task)
    run.train(3)
    with run.learning(*gates(run)):
        run.train(4)
    run.train()
    plain.train()
    assert same(network(run), network(plain))


@RECIPES
@pytest.mark.parametrize("decay_norms", [True, False])
def test_parameters_that_are_their_own_scores_learn_as_they_train(recipe, decay_norms):
    run, plain = (toy_run(replace(recipe, decay_norms=decay_norms)) for _ in range(2))
    with run.learning(parameters(run), lambda scores: scores) as scores:
        run.train(4)
    plain.train(4)
    assert same({name: score.detach() for name, score in scores.items()}, parameters(plain))
    assert run._state.weights_trained


def test_scores_of_weights_are_no_training_of_weights():
    run = toy_run()
    with run.learning(*gates(run)):
        run.train(4)
    assert not run._state.weights_trained


def test_what_is_no_parameter_is_told_while_learning():
    run = toy_run()
    misspelt = run.learning(run.weights, lambda scores: {"7-wait": scores["0.weight"]})
    with misspelt, pytest.raises(ValueError, match="the network has no parameter named 7-wait"):
        run.train()


def test_the_origin_is_what_was_restored_before_the_weights_were_trained():
    run = toy_run()
    run.train(3)
    early = run.snapshot()
    run.train(3)
    assert run._state.origin is None
    run.restore(early)
    assert run._state.origin is None
    run.train(0)
    with run.learning(*gates(run)):
        run.train(2)
    assert run._state.origin is None
    next(run.steps(1))
    assert run._state.origin is early
    run.restore(run.snapshot())
    assert run._state.origin is early


def test_an_error_while_learning_gives_the_weights_back():
    run = toy_run()
    with pytest.raises(ZeroDivisionError), run.learning(*gates(run)):
        raise ZeroDivisionError
    before = run.weights
    run.train(1)
    assert not same(before, run.weights)
    assert all(p.requires_grad for p in run._state.model.parameters())
