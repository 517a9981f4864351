"""Gradients of single examples: the vectorised ones, the loop, and the gradient of a batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from benchmark import Run
from benchmark.contract.toy import toy
from benchmark.contract.toy_graph import graph
from benchmark.training import example_gradients
from tests.support.runs import network, toy_run


def stacked(run: Run, count: int, size: int = 1) -> dict[str, torch.Tensor]:
    several = list(run.example_gradients(count, size))
    assert len(several) == count
    return {name: torch.stack([one[name] for one in several]) for name in several[0]}


@pytest.mark.parametrize("model", ["net", "residual"])
@pytest.mark.parametrize("size", [1, 3])
def test_many_at_once_are_those_of_the_loop(model, size, monkeypatch):
    fast = stacked(toy_run(model=model), 5, size)
    monkeypatch.setattr(example_gradients, "_together", lambda *rest: None)
    slow = stacked(toy_run(model=model), 5, size)
    for name, value in slow.items():
        torch.testing.assert_close(fast[name], value, rtol=1e-4, atol=1e-6)
        assert not fast[name].requires_grad, "what is added up from it would keep the graphs of all examples"


def test_their_mean_over_an_epoch_is_the_gradient_over_all_examples():
    run = toy_run()
    found = stacked(run, 200)
    net, (points, labels) = run._state.model.eval(), run.data.batch(torch.arange(200))
    expected = torch.autograd.grad(F.cross_entropy(net(points), labels), list(run._state.weights.values()))
    for value, gradient in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(value.mean(dim=0), gradient, rtol=1e-4, atol=1e-6)


def test_examples_go_on_where_the_last_ones_ended():
    whole, halves = toy_run(), toy_run()
    expected = stacked(whole, 6)["0.weight"]
    found = torch.cat([stacked(halves, 3)["0.weight"], stacked(halves, 3)["0.weight"]])
    torch.testing.assert_close(found, expected)


def test_a_loss_that_cannot_be_vectorised_goes_through_the_loop():
    def loss(model, batch):
        points, labels = batch
        return F.cross_entropy(model(points), labels) * (2.0 if float(points[0, 0]) > 100 else 1.0)

    found, expected = toy_run(task=replace(toy, loss=loss)), toy_run()
    torch.testing.assert_close(stacked(found, 4)["0.weight"], stacked(expected, 4)["0.weight"])


def test_frozen_layers_have_gradient_zero():
    run = toy_run()
    run._state.scoring._trained = {"0.weight"}
    found = stacked(run, 2)
    assert found["0.weight"].any()
    assert not found["4.weight"].any()


def test_a_single_graph_is_one_example():
    task = replace(graph, models={"net": next(iter(graph.models.values()))})
    run = toy_run(task=task)
    assert len(list(run.example_gradients(5))) == 1


def test_the_meter_counts_examples_as_parts_of_a_batch():
    run = toy_run()
    list(run.example_gradients(64))
    examples = run._state.meter.scoring_flops
    run.gradients(2)
    assert run._state.meter.scoring_flops == pytest.approx(2 * examples)


@pytest.mark.runs
def test_evaluating_is_what_the_task_measures_and_only_what_may_be_seen():
    run = toy_run()
    before = network(run)
    run.train(4)
    net = run._state.model.eval()
    validation = run._state._validation
    assert run.evaluate() == toy.evaluate(net, [validation.batch(torch.arange(40))])
    assert run.evaluate("train") == toy.evaluate(net, [run.data.batch(torch.arange(40))])
    assert run.evaluate("train", whole=True) == toy.evaluate(net, [run.data.batch(torch.arange(200))])
    assert before.keys() == network(run).keys()
    with pytest.raises(ValueError, match="split must be 'validation' or 'train', got 'test'"):
        run.evaluate("test")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "is not JSON of finite numbers"),
        (torch.ones(1), "is not JSON of finite numbers"),
        (10**16, "is too large"),
        ("x" * 70_000, "at most 65,536 are kept"),
    ],
)
def test_notes_are_json_of_finite_numbers_and_short(value, problem):
    run = toy_run()
    run.note("kept", {"a": [1, 2.5]})
    with pytest.raises(ValueError, match=problem):
        run.note("not", value)
    assert run._state.log.noted == {"kept": {"a": [1, 2.5]}}
