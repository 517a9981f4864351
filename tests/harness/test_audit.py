"""The audit finds what an algorithm did, whatever it says: cheats end in failed records that name the breach."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from benchmark import Masks, Run, Snapshot, Target, Task, algorithm, keep_top
from benchmark.contract.toy import toy
from benchmark.harness.answer import answer
from benchmark.harness.question import Question
from benchmark.pruning.patterns import Anywhere
from benchmark.results.cell import Cell
from benchmark.results.record import Record

pytestmark = pytest.mark.runs

Method = Callable[[Run], None]


def outcome(
    method: Method, *, sparsity: float = 0.8, pattern: str = "global", task: Task = toy, prunes: str | None = "weights"
) -> Record:
    """The record of a method on the toy task."""
    cell = Cell(
        algorithm="suspect", task="toy", model="net", pattern=pattern, sparsity=sparsity, budget="smoke", seed=0
    )
    return answer(Question(cell, algorithm(prunes=prunes)(method), task))


def magnitudes(run: Run) -> dict[str, torch.Tensor]:
    return {name: weight.abs() for name, weight in run.weights.items()}


def chosen(run: Run) -> Masks:
    """The masks an honest algorithm would ask for."""
    return keep_top(magnitudes(run), run.target)


def honest(run: Run) -> None:
    run.prune(chosen(run))
    run.train()


def weights_of(run: Run) -> nn.Module:
    """The live network, which no verb gives away."""
    return run._state.model


def edited(snapshot: Snapshot, name: str, edit: Callable[[torch.Tensor], Any]) -> Snapshot:
    """A snapshot in which one tensor was changed."""
    state = {key: value.clone() for key, value in snapshot.state.items()}
    edit(state[name])
    return Snapshot(state, snapshot.clock)


def assert_caught(record: Record, *words: str) -> None:
    """A failed record with no result, whose error names the breach."""
    assert record.status == "failed"
    assert record.error is not None
    assert all(word in record.error for word in words), record.error
    assert not record.metrics
    assert record.score is None


# --- honest runs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pattern", "sparsity"), [("global", 0.8), ("layer", 0.8), ("2:4", 0.5), ("global", 0.0)])
def test_an_honest_algorithm_passes(pattern: str, sparsity: float) -> None:
    record = outcome(honest, pattern=pattern, sparsity=sparsity)
    assert record.status == "ok"
    assert record.error is None
    assert record.audit is not None
    assert record.audit.passed
    assert record.audit.breaches == []
    assert record.mask_digest is not None
    assert set(record.metrics) == {"accuracy"}


def test_the_record_counts_what_is_kept() -> None:
    record = outcome(honest, sparsity=0.8)
    total = sum(layer.total for layer in record.layers.values())
    assert total == 6 * 16 + 16 * 16 + 16 * 2
    assert sum(layer.kept for layer in record.layers.values()) == round(0.2 * total)
    assert record.density is not None
    assert record.density.effective <= record.density.weights < record.density.parameters


# --- masks that are not what they say ---------------------------------------------------------------------------------


def test_a_mask_that_was_never_applied_is_found_in_the_weights() -> None:
    def lies(run: Run) -> None:
        run._state.masks = chosen(run)
        run.train()

    assert_caught(outcome(lies), "pruned weights that are not zero")


def test_a_mask_that_was_swapped_afterwards_is_found_in_the_weights() -> None:
    def swaps(run: Run) -> None:
        honest(run)
        run._state.masks = keep_top({name: -score for name, score in magnitudes(run).items()}, run.target)

    assert_caught(outcome(swaps), "pruned weights that are not zero")


def test_momentum_that_revives_weights_is_found() -> None:
    def revives(run: Run) -> None:
        run.train(10)
        run.prune(chosen(run))
        fixed = run._state.engine.fixed
        fixed._masked, fixed._floats = [], []  # the update is no longer masked
        run.train()

    assert_caught(outcome(revives), "pruned weights that are not zero")


def test_an_engine_that_never_projects_is_found() -> None:
    def defeats(run: Run) -> None:
        run._state.engine.project = lambda masks: None  # type: ignore[method-assign]
        honest(run)

    assert_caught(outcome(defeats), "pruned weights that are not zero")


@pytest.mark.parametrize("density", [0.21, 0.19])
def test_pruning_less_or_more_than_asked_is_named_with_both_numbers(density: float) -> None:
    def misses(run: Run) -> None:
        run.prune(keep_top(magnitudes(run), Target(density)))
        run.train()

    assert_caught(outcome(misses), f"{round(density * 384)} of 384 weights are kept, 77 were asked")


def test_pruning_nothing_is_named() -> None:
    assert_caught(outcome(lambda run: run.train()), "384 of 384 weights are kept, 77 were asked")


def test_one_weight_too_many_in_a_layer_is_named_with_the_layer() -> None:
    def shifts(run: Run) -> None:
        run.prune(keep_top(magnitudes(run), Target(run.target.density, Anywhere())))
        run.train()

    assert_caught(outcome(shifts, pattern="layer"), "'0.weight' keeps", "19 were asked")


def test_groups_that_are_not_two_of_four_are_named() -> None:
    def ignores_the_pattern(run: Run) -> None:
        run.prune(keep_top(magnitudes(run), Target(0.5, Anywhere())))
        run.train()

    assert_caught(outcome(ignores_the_pattern, pattern="2:4", sparsity=0.5), "2:4")


def test_a_group_that_keeps_three_of_four_is_named() -> None:
    def moves_one(run: Run) -> None:
        masks = {name: mask.clone() for name, mask in chosen(run).items()}
        row = masks["4.weight"][0]
        full, empty = row[:4].logical_not().nonzero()[0, 0], 4 + row[4:8].nonzero()[0, 0]
        row[full], row[empty] = True, False
        run.prune(Masks(masks))
        run.train()

    record = outcome(moves_one, pattern="2:4", sparsity=0.5)
    assert_caught(record, "'4.weight' does not keep 2 of every 4 weights along its input channels")


# --- outside the prunable policy --------------------------------------------------------------------------------------


def test_a_bias_cannot_be_pruned_through_prune() -> None:
    def reaches_out(run: Run) -> None:
        masks = dict(chosen(run))
        run.prune(Masks(masks | {"0.bias": torch.zeros(16, dtype=torch.bool)}))

    assert_caught(outcome(reaches_out), "masks do not fit the prunable tensors of this task", "0.bias")


@pytest.mark.parametrize("name", ["0.bias", "1.weight"])
def test_a_tensor_outside_the_policy_cannot_be_zeroed_through_restore(name: str) -> None:
    def smuggles(run: Run) -> None:
        honest(run)
        run.restore(edited(run.snapshot(), name, lambda value: value[:3].zero_()))

    assert_caught(outcome(smuggles), f"'{name}' may not be pruned and has 3 entries that were set to zero")


def test_pruned_weights_stay_zero_through_the_restore_of_a_dense_snapshot() -> None:
    def restores(run: Run) -> None:
        dense = run.snapshot()
        honest(run)
        run.restore(dense)

    assert outcome(restores).status == "ok"


# --- training off the meter -------------------------------------------------------------------------------------------


def train_alone(model: nn.Module, run: Run, steps: int = 5) -> None:
    """Some updates with an optimizer of one's own."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for batch in run.batches(steps):
        optimizer.zero_grad()
        run.task.loss(model, batch).backward()
        optimizer.step()


def test_training_the_live_network_off_the_meter_is_found() -> None:
    def trains_alone(run: Run) -> None:
        train_alone(weights_of(run), run)
        honest(run)

    assert_caught(outcome(trains_alone), "the network was changed outside the verbs of the run, before prune()")


def test_training_a_copy_off_the_meter_and_bringing_it_back_is_found() -> None:
    def trains_a_copy(run: Run) -> None:
        copy = deepcopy(weights_of(run))
        train_alone(copy, run)
        run.restore(Snapshot(copy.state_dict(), run.clock))
        honest(run)

    assert_caught(outcome(trains_a_copy), "5 updates were made off the meter by another optimizer")


def test_skipped_steps_do_not_pay_for_updates_of_ones_own() -> None:
    def trades(run: Run) -> None:
        run.prune(chosen(run))
        copy = deepcopy(weights_of(run))
        for step in run.steps():
            train_alone(copy, run, steps=1)
            step.skip()
        run.restore(Snapshot(copy.state_dict(), run.clock))

    assert_caught(outcome(trades), "off the meter")


# --- behind the back of the verbs -------------------------------------------------------------------------------------


def nudge(run: Run) -> None:
    """Change a weight by hand."""
    with torch.no_grad():
        next(weights_of(run).parameters()).add_(0.01)


def test_a_change_after_the_last_verb_is_found() -> None:
    def tampers(run: Run) -> None:
        honest(run)
        nudge(run)

    assert_caught(outcome(tampers), "the network was changed outside the verbs of the run, after the last verb")


def test_a_change_of_a_buffer_after_the_last_verb_is_found() -> None:
    def tampers(run: Run) -> None:
        honest(run)
        next(weights_of(run).buffers()).add_(1)

    assert_caught(outcome(tampers), "the network was changed outside the verbs of the run, after the last verb")


def test_a_change_between_verbs_is_found() -> None:
    def tampers(run: Run) -> None:
        run.train(5)
        nudge(run)
        run.train(5)

    assert_caught(outcome(tampers), "the network was changed outside the verbs of the run, before train()")


def test_a_change_between_verbs_is_found_where_the_exception_is_swallowed_and_the_change_undone() -> None:
    def tampers(run: Run) -> None:
        good = deepcopy(weights_of(run).state_dict())
        nudge(run)
        with suppress(Exception):
            run.train(5)
        weights_of(run).load_state_dict(good)
        honest(run)

    assert_caught(outcome(tampers), "the network was changed outside the verbs of the run, before train()")


@pytest.mark.parametrize("swallow", [False, True], ids=["in the open", "swallowing the exception"])
def test_a_change_in_a_pause_of_training_is_found(swallow: bool) -> None:
    def tampers(run: Run) -> None:
        run.prune(chosen(run))
        with suppress(Exception if swallow else ()):
            for _ in run.steps():
                nudge(run)
        run.train()

    assert_caught(outcome(tampers), "weights were changed by hand in a pause of steps()")


def test_a_change_that_is_undone_leaves_nothing_to_find() -> None:
    def looks(run: Run) -> None:
        live = next(weights_of(run).parameters())
        kept = live.detach().clone()
        nudge(run)
        with torch.no_grad():
            live.copy_(kept)
        honest(run)

    assert outcome(looks).status == "ok"


def test_the_loss_cannot_be_swapped() -> None:
    def swaps(run: Run) -> None:
        run.task = replace(run.task, loss=lambda model, batch: 2 * toy.loss(model, batch))
        honest(run)

    assert outcome(swaps).status == "failed"


# --- the test split ---------------------------------------------------------------------------------------------------


def through_the_task(run: Run) -> Any:
    return run.task.data(None).test  # type: ignore[arg-type]


def through_the_frames(run: Run) -> Any:
    frame = sys._getframe()
    while "splits" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_locals["splits"].test


@pytest.mark.parametrize("swallow", [False, True], ids=["in the open", "swallowing the exception"])
@pytest.mark.parametrize("way", [through_the_task, through_the_frames])
def test_reading_the_test_split_is_found(way: Callable[[Run], Any], swallow: bool) -> None:
    def peeks(run: Run) -> None:
        with suppress(Exception if swallow else ()):
            way(run)
        honest(run)

    assert_caught(outcome(peeks), "the test split was read while the algorithm ran")


def test_reading_training_and_validation_data_is_no_breach() -> None:
    def chooses(run: Run) -> None:
        splits = run.task.data(None)  # type: ignore[arg-type]
        assert len(splits.train) == 200
        assert len(splits.validation) == 40
        honest(run)

    assert outcome(chooses).status == "ok"


def test_the_test_split_can_be_read_again_after_a_run() -> None:
    outcome(honest)
    assert len(toy.data(None).test) == 80  # type: ignore[arg-type]


# --- networks that are not the one that was handed out ----------------------------------------------------------------


def test_weights_that_are_not_numbers_are_found() -> None:
    def poisons(run: Run) -> None:
        honest(run)
        run.restore(edited(run.snapshot(), "6.bias", lambda value: value.fill_(torch.nan)))

    assert_caught(outcome(poisons), "'6.bias' holds NaN or infinity")


def test_a_layer_of_another_shape_is_found() -> None:
    def widens(run: Run) -> None:
        honest(run)
        weights_of(run)[6] = nn.Linear(16, 3)  # type: ignore[operator]

    assert_caught(outcome(widens), "the network was changed outside the verbs of the run")


def test_a_wrapped_layer_is_found() -> None:
    def wraps(run: Run) -> None:
        run.prune(chosen(run))
        parametrizations.weight_norm(weights_of(run)[4])  # type: ignore[index]
        run.train()

    assert_caught(outcome(wraps), "the network was changed outside the verbs of the run, before train()")


def compute_with(dense: nn.Module, layer: nn.Module) -> None:
    """Let a linear layer answer with the weights of another one."""
    layer.register_forward_hook(
        lambda module, inputs, output: nn.functional.linear(
            inputs[0], dense.weight.to(inputs[0].dtype), dense.bias.to(inputs[0].dtype)
        )
    )


def test_a_layer_that_computes_with_other_weights_is_found() -> None:
    def cheats(run: Run) -> None:
        run.train()
        dense = deepcopy(weights_of(run))
        run.prune(chosen(run))
        for mine, theirs in zip(weights_of(run), dense, strict=True):  # type: ignore[call-overload]
            if isinstance(mine, nn.Linear):
                compute_with(theirs, mine)

    record, dense = outcome(cheats, sparsity=0.99), outcome(lambda run: run.train(), sparsity=0.0)
    assert record.status == "failed" or record.metrics != dense.metrics, "four weights do as well as 384"


def test_a_hook_left_on_the_network_is_found() -> None:
    def booby_traps(run: Run) -> None:
        def raises(module: nn.Module, inputs: Any) -> None:
            raise RuntimeError("boo")

        honest(run)
        weights_of(run).register_forward_pre_hook(raises)

    assert_caught(outcome(booby_traps), "hooks", "after the last verb")


# --- runs that end badly ----------------------------------------------------------------------------------------------


def test_an_exception_fails_the_cell_and_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    def raises(run: Run) -> None:
        raise ValueError("no such layer: fc9")

    assert_caught(outcome(raises), "ValueError: no such layer: fc9")
    assert "Traceback" in capfd.readouterr().err  # which a worker's log keeps


@pytest.mark.parametrize("code", [0, 3])
def test_sys_exit_fails_the_cell_and_nothing_else(code: int) -> None:
    assert_caught(outcome(lambda run: sys.exit(code)), f"SystemExit: {code}")


def test_an_interrupt_is_not_swallowed() -> None:
    def interrupted(run: Run) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome(interrupted)


def test_an_error_after_a_loss_that_is_not_finite_is_a_divergence() -> None:
    def explodes(run: Run) -> None:
        for step in run.steps():
            if step.index == 3:
                raise ValueError("the scores hold NaN")

    def learns(run: Run) -> None:
        with run.learning(run.weights, dict):
            explodes(run)

    wild = replace(toy, recipes={budget: replace(recipe, rate=9e14) for budget, recipe in toy.recipes.items()})
    record = outcome(explodes, task=wild)
    assert record.status == "diverged"
    assert record.error == "the training loss was not finite before step 3, then ValueError: the scores hold NaN"
    record = outcome(learns, task=wild)
    assert (record.status, record.error) == ("diverged", "the training loss was not finite before step 3")
    assert [outcome(method).status for method in (explodes, learns)] == ["failed", "failed"]


def test_a_run_whose_loss_explodes_is_diverged() -> None:
    hot = replace(toy, recipes={"smoke": replace(toy.recipe("smoke"), rate=1e14)})
    record = outcome(honest, task=hot)
    assert record.status == "diverged"
    assert record.error is not None
    assert "not finite" in record.error
    assert not record.metrics


def test_a_failed_run_keeps_what_it_cost() -> None:
    def gives_up(run: Run) -> None:
        run.train(7)
        raise RuntimeError("enough")

    assert outcome(gives_up).cost.training_steps == 7


def _evaluate_with_nan(model: nn.Module, batches: Any) -> dict[str, float]:
    list(batches)
    return {"accuracy": 0.5, "loss": float("nan")}


def test_a_metric_that_is_no_number_ends_in_a_record() -> None:
    task = replace(toy, evaluate=_evaluate_with_nan, metrics={"accuracy": "max", "loss": "min"})
    assert outcome(honest, task=task).status in ("failed", "diverged")


def test_a_task_without_what_the_algorithm_prunes_is_skipped_with_the_reason() -> None:
    def never_called(run: Run) -> None:
        raise AssertionError

    record = outcome(never_called, prunes="edges")
    assert record.status == "skipped"
    assert record.error == "'never-called' works on edges, and the task has none"
    assert record.cost.training_steps == 0


# --- what is left behind ----------------------------------------------------------------------------------------------


def test_global_state_is_put_back_whatever_the_algorithm_does() -> None:
    def meddles(run: Run) -> None:
        torch.manual_seed(99)
        torch.rand(3)
        torch.set_deterministic_debug_mode("default")
        honest(run)

    before = torch.get_rng_state()
    torch.set_deterministic_debug_mode("warn")
    try:
        assert outcome(meddles).status == "ok"
        assert torch.get_deterministic_debug_mode() == 1
    finally:
        torch.set_deterministic_debug_mode("default")
    assert torch.equal(torch.get_rng_state(), before)


def test_global_state_is_put_back_after_a_failure() -> None:
    def falls(run: Run) -> None:
        torch.rand(3)
        raise RuntimeError

    before = torch.get_rng_state()
    outcome(falls)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_deterministic_debug_mode() == 0


def test_the_harness_draws_from_no_global_generator() -> None:
    before = random.getstate(), np.random.get_state()[1].tobytes()  # type: ignore[index]
    outcome(honest)
    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before  # type: ignore[index]


def test_the_answer_does_not_depend_on_the_global_generator() -> None:
    torch.manual_seed(1)
    first = outcome(honest)
    torch.manual_seed(2)
    second = outcome(honest)
    assert (first.mask_digest, first.metrics) == (second.mask_digest, second.metrics)
