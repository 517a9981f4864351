"""Values that a method writes itself: they are there, pruned weights stay zero, and the record says so."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmark import keep_top
from benchmark.contract import trial
from benchmark.harness.answer import answer
from benchmark.plugins.algorithm import algorithm
from tests.support.runs import SGD, memory, network, smallest, toy_run


def test_what_is_written_is_there_and_nothing_else_changes():
    run = toy_run()
    before = network(run)
    run.write({"0.weight": torch.full((16, 6), 2.0), "1.bias": torch.ones(16)})
    after = network(run)
    assert after.pop("0.weight").eq(2).all()
    assert after.pop("1.bias").eq(1).all()
    assert all(torch.equal(value, before[name]) for name, value in after.items())
    run._state.finish()


@pytest.mark.runs
def test_pruned_weights_stay_zero_and_clock_and_origin_as_they_were():
    run = toy_run()
    start = run.snapshot()
    run.restore(start)
    run.prune(smallest(run))
    run.train(5)
    run.write({name: torch.ones_like(weight) for name, weight in run.weights.items()})
    assert all(torch.equal(weight, run.masks[name].float()) for name, weight in run.weights.items())
    assert (run.clock, run._state.origin) == (5, start)


@pytest.mark.runs
def test_the_optimizer_forgets_what_was_written_and_remembers_the_rest():
    run = toy_run(replace(SGD, nesterov=False))
    run.train(3)
    run.write({"0.weight": run.weights["0.weight"]})
    slots = memory(run)
    assert not slots["0.weight"]
    assert slots["4.weight"]
    run.train()


def test_statistics_can_be_written():
    run = toy_run()
    points, _ = toy_run().batches(1)[0]
    run.write(run.statistics(run.batches(1)))
    fed = run._state.model[0](points).detach()
    torch.testing.assert_close(run._state.model[1].running_mean, fed.mean(dim=0))
    torch.testing.assert_close(run._state.model[1].running_var, fed.var(dim=0))


def test_statistics_of_several_batches_are_their_mean():
    run, twin = toy_run(), toy_run()
    first, second = twin.batches(2)
    both = run.statistics(run.batches(2))
    one, two = twin.statistics([first]), twin.statistics([second])
    assert both.keys() == {"1.running_mean", "1.running_var"}
    for name, value in both.items():
        torch.testing.assert_close(value, (one[name] + two[name]) / 2)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"nothing": torch.ones(1)}, "no tensor 'nothing' of the shape"),
        ({"0.weight": torch.ones(2)}, "no tensor '0.weight' of the shape"),
        ({"0.weight": torch.full((16, 6), torch.nan)}, "values for '0.weight' are not finite"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(values, problem):
    run = toy_run()
    before = network(run)
    with pytest.raises(ValueError, match=problem):
        run.write({"1.bias": torch.ones(16)} | values)
    assert all(torch.equal(value, before[name]) for name, value in network(run).items())


@pytest.mark.runs
def test_it_cannot_be_done_in_a_pause():
    run = toy_run()
    for _ in run.steps(1):
        with pytest.raises(RuntimeError, match=r"write\(\) cannot be called in a pause"):
            run.write({})


@algorithm()
def scaled(run, *, rounds: int = 1) -> None:
    """Writes."""
    run.prune(keep_top(run.weights, run.target))
    run.write({name: 2 * weight for name, weight in run.weights.items()})
    run.note("factor", 2)
    run.train()


@algorithm()
def silenced(run, *, rounds: int = 1) -> None:
    """Writes zeros to biases, which may not be pruned."""
    run.train()
    run.prune(keep_top(run.weights, run.target))
    run.write({"1.bias": torch.zeros(16)})


@pytest.mark.runs
def test_the_record_says_that_values_were_written_and_what_was_noted():
    record = answer(replace(trial.question("synflow", rounds=1), algorithm=scaled))
    assert record.status == "ok"
    assert record.notes == [
        "tensors were set to values that the method made, not training: 0.weight, 4.weight, 6.weight"
    ]
    assert record.noted == {"factor": 2}


@pytest.mark.runs
def test_writing_is_no_road_to_pruning_what_may_not_be_pruned():
    record = answer(replace(trial.question("synflow", rounds=1), algorithm=silenced))
    assert "'1.bias' may not be pruned and has 16 entries that were set to zero" in str(record.error)
