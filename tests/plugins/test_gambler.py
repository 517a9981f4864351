"""The loss `gambler` on tasks: its early phase by the clock, scoring, recorded steps, and runs that collapse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark import Recipe, Run, Target, Task, shortened
from benchmark.contract.toy import toy
from benchmark.harness.answer import answer
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.plugins.losses import LOSSES
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.training.run_state import RunState
from tests.support.command import Bench

RECIPE = replace(toy.recipe("smoke"), steps=24, milestones=(12,))


def gambles(payoff: float = 1.5, early: float = 0.25, task: Task = toy) -> Task:
    return LOSSES["gambler"](task, payoff=payoff, early=early)


def run_of(task: Task, recipe: Recipe) -> Run:
    return Run(RunState(task, build(task, "net", 0), recipe, Target(0.5), toy.data(Path()).train, 0))


def losses(run: Run, steps: int | None = None) -> list[float]:
    return [float(step.loss) for step in run.steps(steps)]


# --- the clock --------------------------------------------------------------------------------------------------------


def test_it_sets_the_steps_before_it_in_every_recipe() -> None:
    task = gambles(early=0.25)
    assert {budget: recipe.early for budget, recipe in task.recipes.items()} == {"smoke": 6, "short": 30, "full": 60}
    assert task.recipe("80-steps").early == 20
    assert shortened(task.recipe("full"), 24).early == 6
    assert gambles(early=0.0).recipe("full").early == 0
    assert toy.recipe("full").early == 0


@pytest.mark.parametrize("clock", [0, 5, 6, 23])
def test_the_loss_is_that_of_the_clock(clock: int) -> None:
    task, recipe = gambles(), replace(RECIPE, early=6)
    assert task.loss_at(clock, recipe) == (task.early if clock < 6 else task.loss)
    assert toy.loss_at(clock, recipe) is toy.loss


def same_bits(one: Run, other: Run) -> bool:
    first, second = one.snapshot().state, other.snapshot().state
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.runs
def test_its_early_phase_is_a_training_with_cross_entropy_of_the_classes() -> None:
    """Until the bets begin it is the same training, whatever the payoff."""
    recipe = replace(RECIPE, early=6)
    one, other = run_of(gambles(1.2), recipe), run_of(gambles(1.9), recipe)
    assert losses(one, 6) == losses(other, 6)
    assert same_bits(one, other)
    assert losses(one, 3) != losses(other, 3)


@pytest.mark.runs
def test_a_run_that_is_rewound_gambles_the_same_way_again() -> None:
    run = run_of(gambles(), replace(RECIPE, early=6))
    begin = run.snapshot()
    first = losses(run)
    run.restore(begin)
    assert losses(run, 9) == first[:9]
    late = run.snapshot()
    assert losses(run) == first[9:]
    run.restore(late)
    assert losses(run, 1) == first[9:10]
    run.rewind(3)
    assert run._state._loss_now() == run.task.early


@pytest.mark.runs
def test_scoring_uses_the_loss_of_its_clock() -> None:
    """The reservation has no gradient while only the classes are trained, and has one afterwards."""
    run = run_of(gambles(), replace(RECIPE, early=6))
    last = list(run.weights)[-1]
    assert not run.gradients()[last][-1].any()
    run.train(6)
    assert run.gradients()[last][-1].any()
    run.rewind(0)
    assert not run.gradients()[last][-1].any()


@pytest.mark.runs
def test_scores_that_are_trained_follow_the_clock_of_their_own_recipe() -> None:
    run = run_of(gambles(), replace(RECIPE, early=6))
    last = list(run.weights)[-1]
    seen = []
    with run.learning(dict(run.weights), lambda scores: scores, recipe=replace(RECIPE, steps=4, early=2)):
        for step in run.steps(4):
            seen.append(bool(step.grads[last][-1].any()))
    assert seen == [False, False, True, True]


@pytest.mark.runs
def test_recorded_steps_are_recorded_again_when_the_loss_changes() -> None:
    """With a recorder that remembers the work of one phase: a stale recording would go on with the early loss."""
    states = {}
    for name in ("plain", "captured"):
        run = run_of(gambles(), replace(RECIPE, early=10))
        record = remembering_loss(run) if name == "captured" else None
        run._state.engine.capture(list(run._state.model.buffers()), record)
        run.train()
        states[name] = {key: value.tolist() for key, value in run.snapshot().state.items()}
        assert run._state.engine.mode == name
    assert states["captured"] == states["plain"]


def remembering_loss(run: Run) -> Any:
    """In the place of a CUDA graph: a replay computes the loss that held when it was recorded."""

    def record(work: Any) -> Any:
        loss = run._state._loss_now()

        def replay() -> Any:
            now, run._state._loss_now = run._state._loss_now, lambda: loss  # type: ignore[method-assign]
            try:
                return work()
            finally:
                run._state._loss_now = now  # type: ignore[method-assign]

        return replay

    return record


# --- records ----------------------------------------------------------------------------------------------------------


def record_of(task: Task, algorithm: str = "dense", sparsity: float = 0, **settings: Any) -> Record:
    cell = Cell(
        algorithm=algorithm, task="digits-noisy", model="mlp", sparsity=sparsity, budget="smoke", seed=0, **settings
    )
    return answer(Question(cell, registry.algorithm(algorithm), task))


@pytest.fixture(scope="module")
def gambled() -> Record:
    return record_of(registry.task("digits-noisy", {"loss": "gambler", "payoff": 9.0, "early": 0.5}))


@pytest.mark.runs
def test_a_record_tells_both_risks_and_how_much_of_the_reservation_is_left(gambled: Record) -> None:
    assert gambled.status == "ok", gambled.error
    by_class, by_stake = gambled.diagnosis["selective"], gambled.diagnosis["reservation"]
    assert by_class["errors"] == by_stake["errors"] == round(719 * (1 - gambled.metrics["accuracy"]))
    assert by_stake["row_kept"] == 1
    assert 0 < by_stake["mean"] < 1
    assert gambled.layers["fc3.weight"].total == 11 * 100


@pytest.mark.runs
def test_a_pruned_reservation_is_told() -> None:
    task = registry.task("digits-noisy", {"loss": "gambler", "payoff": 9.0, "early": 0.5})
    record = record_of(task, "snip", 0.9)
    assert record.status == "ok", record.error
    assert record.diagnosis["reservation"]["row_kept"] == 0  # snip scores before training, with the early loss


@pytest.mark.runs
def test_a_collapsed_network_is_a_failure_with_the_reason() -> None:
    task = registry.task("digits-noisy", {"loss": "gambler", "payoff": 1.2, "early": 0.0})
    record = record_of(task)
    assert record.status == "failed"
    assert record.error == (
        "collapsed: the network keeps its stake on every input (payoff 1.2, early 0); raise the payoff or `early`"
    )
    assert not record.metrics
    assert record.cost.training_steps == 28


@pytest.mark.runs
@pytest.mark.parametrize("task", ["planted-partition", "ring-transfer"])
def test_graphs_gamble_too(task: str) -> None:
    options = {"loss": "gambler", "payoff": 1.9, "early": 0.5}
    loaded = registry.task(task, options)
    model = next(iter(loaded.models))
    cell = Cell(algorithm="magnitude", task=task, model=model, sparsity=0.5, budget="smoke", seed=0)
    record = answer(Question(cell, registry.algorithm("magnitude"), loaded))
    assert record.status == "ok" or "collapsed" in str(record.error)
    assert record.status == "failed" or {"selective", "reservation", "spectral_gap"} <= record.diagnosis.keys()


@pytest.mark.runs
def test_on_the_command_line(own: Store, bench: Bench) -> None:
    task = "digits-noisy:loss=gambler,payoff=9"
    ended = bench("run", "--algo", "magnitude", "--task", task, "--budget", "smoke", "--jobs", "0")
    assert ended.code == 0, ended.err
    [record] = own
    assert record.cell.task_options == {"loss": "gambler", "payoff": 9.0, "early": 0.33}
    assert record.provenance["recipe"]["early"] == round(0.33 * 28)
    refused = bench("run", "--algo", "dense", "--task", "digits-noisy:loss=gambler,payoff=1", "--dry-run")
    assert (refused.code, "it takes number > 1" in refused.err) == (2, True)
