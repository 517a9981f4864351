"""Plasticity: a network pruned at a moment of its training, and what it is after training on at the rate held there."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms._held import held
from benchmark.algorithms.plasticity import plasticity, recalibrated

from benchmark import Run
from benchmark.contract.toy import toy
from tests.support.runs import PLAIN, SGD, network, same, toy_run

pytestmark = pytest.mark.runs

FALLING = replace(SGD, steps=20, milestones=(5, 15))


def noted(run: Run) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = run._state.log.noted["plasticity"]
    return found


def test_holding_a_constant_rate_is_training_on_with_a_fresh_optimizer() -> None:
    run, twin = toy_run(PLAIN), toy_run(PLAIN)
    run.train(5)
    held(run, 4)
    twin.train(5)
    twin.rewind(0)
    twin.train(4)
    assert same(network(run), network(twin))
    assert run.clock == 5


@pytest.mark.parametrize(("at", "factor"), [(0, 1.0), (4, 1.0), (5, 0.1), (16, 0.01), (20, 0.01)])
def test_the_rate_is_held_where_it_is(at: int, factor: float) -> None:
    run, twin = toy_run(FALLING), toy_run(replace(FALLING, milestones=(), rate=FALLING.rate_at(at)))
    assert FALLING.rate_at(at) == pytest.approx(factor * FALLING.rate)
    run.train(at)
    twin.restore(run.snapshot())
    held(run, 10)
    twin.rewind(0)
    twin.train(10)
    assert same(network(run), network(twin))


@pytest.mark.parametrize("falling", [{"linear": True}, {"cosine": True}])
def test_a_rate_that_falls_with_every_step_is_held_too(falling: dict[str, bool]) -> None:
    recipe = replace(FALLING, milestones=(), **falling)
    run, twin = toy_run(recipe), toy_run(replace(FALLING, milestones=(), rate=recipe.rate_at(5)))
    run.train(5)
    twin.restore(run.snapshot())
    held(run, 10)
    twin.rewind(0)
    twin.train(10)
    assert same(network(run), network(twin))


@pytest.mark.parametrize("criterion", ["magnitude", "random", "snip"])
def test_at_sparsity_0_it_is_the_dense_network_trained_on(criterion: str) -> None:
    run, twin = toy_run(FALLING, density=1.0), toy_run(FALLING)
    plasticity(run, at=0.5, tune=0.25, criterion=criterion)
    twin.train(10)
    held(twin, 5)
    assert same(network(run), network(twin))
    assert noted(run)["before"] == noted(run)["pruned"]


@pytest.mark.parametrize("criterion", ["magnitude", "random", "snip"])
@pytest.mark.parametrize("regrow", [0.0, 0.5])
def test_it_keeps_what_is_asked_and_pruned_weights_stay_zero(criterion: str, regrow: float) -> None:
    run = toy_run(FALLING, density=0.3)
    plasticity(run, at=0.5, tune=0.5, criterion=criterion, regrow=regrow)
    assert run.masks.kept == round(0.3 * run.masks.total)
    assert not any(bool(weight[~run.masks[name]].any()) for name, weight in run.weights.items())


def test_half_of_a_layers_weights_give_way_to_those_of_the_largest_gradients() -> None:
    plain, grown = toy_run(FALLING, density=0.2), toy_run(FALLING, density=0.2)
    plasticity(plain, at=0.5, tune=0.0)
    plasticity(grown, at=0.5, tune=0.0, regrow=0.5)
    assert grown.masks.counts == plain.masks.counts
    for name, mask in plain.masks.items():
        kept = plain.weights[name].abs()[mask].sort(descending=True).values
        largest = plain.weights[name].abs() >= kept[len(kept) - len(kept) // 2 - 1]
        assert bool(grown.masks[name][largest].all()), "the largest half stays"
    assert grown.masks != plain.masks


def test_what_is_noted_is_measured_at_its_moment() -> None:
    run, twin = toy_run(FALLING, density=0.1), toy_run(FALLING)
    plasticity(run, at=0.5, tune=0.25)
    twin.train(10)
    assert noted(run)["before"] == twin.evaluate()
    assert noted(run)["after"] == run.evaluate()
    still = toy_run(FALLING, density=0.1)
    plasticity(still, at=0.5, tune=0.0)
    assert noted(still)["after"] == noted(still)["pruned"] == noted(run)["pruned"]
    assert noted(still)["before"] == noted(run)["before"]


def test_recalibration_is_of_the_statistics_and_leaves_the_network() -> None:
    run = toy_run(FALLING)
    run.train(3)
    before = network(run)
    first = recalibrated(run)
    assert same(network(run), before)
    run.write({name: torch.full_like(value, 100.0) for name, value in before.items() if name.endswith("running_mean")})
    assert run.evaluate() != first
    assert recalibrated(run)["accuracy"] == pytest.approx(first["accuracy"], abs=0.1)


def test_the_moment_is_a_share_of_training() -> None:
    run = toy_run(FALLING, density=0.5, task=toy)
    plasticity(run, at=0.75, tune=0.1)
    assert run.clock == 15
    assert run._state.meter.updates == 17
