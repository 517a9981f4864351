"""ProsPr: the score against differences of whole inner trainings, and SNIP, which it is without them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.prospr import meta_gradients, prospr
from benchmark.algorithms.snip import snip
from torch import Tensor, nn

from benchmark import Splits, Task, TensorData, keep_top
from tests.support.notebook import RECIPE, Notebook, after, same, smooth, state, written

ONLY_SCORE = replace(RECIPE, steps=0)


def task() -> Task:
    """A net of 20 weights, in float64, that is fed 3 numbers and knows 2 classes."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 3, generator=draw, dtype=torch.float64)
    data = TensorData(inputs, torch.arange(40) % 2, transform=lambda stored: stored)
    net = {"net": lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()}
    return replace(smooth, models=net, data=lambda folder: Splits(data, data, data))


def trained(run: Notebook, gates: dict[str, Tensor], steps: int, rate: float, momentum: float) -> float:
    """The loss after inner steps of torch's own SGD on a network of its own."""
    *inner, outer = run.batches(steps + 1)
    run._state.scoring.batches_drawn -= steps + 1  # every call sees the same batches
    net = task().models["net"]()
    weights = {name: run.weights[name] * gates[name] for name in gates}
    net.load_state_dict({**run.parameters, **weights})
    descent = torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum)
    for batch in inner:
        descent.zero_grad()
        smooth.loss(net, batch).backward()
        descent.step()
    return float(smooth.loss(net, outer).detach())


@pytest.mark.parametrize(("steps", "momentum"), [(0, 0.0), (1, 0.0), (3, 0.0), (3, 0.9)])
def test_the_score_is_the_slope_of_the_loss_after_training(steps, momentum):
    """By central differences in every gate."""
    run, rate, small = Notebook(0.5, task=task()), 0.5, 1e-5
    ones = {name: torch.ones_like(weight) for name, weight in run.weights.items()}
    found = meta_gradients(Notebook(0.5, task=task()), steps, rate, momentum, False)
    for name, gate in ones.items():
        for place in range(gate.numel()):
            step = torch.zeros(gate.numel(), dtype=torch.float64)
            step[place] = small
            up, down = ({**ones, name: gate + sign * step.view_as(gate)} for sign in (1, -1))
            slope = (trained(run, up, steps, rate, momentum) - trained(run, down, steps, rate, momentum)) / (2 * small)
            assert float(found[name].flatten()[place]) == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_to_first_order_only_the_end_of_training_counts():
    """dL/dc is then w0 dL/dw at the weights after the inner steps."""
    run, twin = Notebook(0.5, task=task()), Notebook(0.5, task=task())
    found = meta_gradients(run, 2, 0.5, 0.0, True)
    net = task().models["net"]()
    net.load_state_dict(twin.parameters)
    descent = torch.optim.SGD(net.parameters(), lr=0.5)
    for batch in twin.batches(3):
        descent.zero_grad()
        smooth.loss(net, batch).backward()
        slopes = {name: p.grad.clone() for name, p in net.named_parameters()}
        descent.step()
    for name, weight in twin.weights.items():
        torch.testing.assert_close(found[name], weight * slopes[name])
    exact = meta_gradients(Notebook(0.5, task=task()), 2, 0.5, 0.0, False)
    assert not torch.allclose(exact["0.weight"], found["0.weight"], rtol=1e-2)


@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5), ("channels", 0.5)])
def test_without_steps_it_is_snip(pattern, density):
    one, other = Notebook(density, pattern, ONLY_SCORE), Notebook(density, pattern, ONLY_SCORE)
    assert written(prospr, one, steps=0).masks == written(snip, other, norms="batch").masks


@pytest.mark.parametrize("first_order", [False, True])
def test_the_highest_scores_stay(first_order):
    run, twin = Notebook(0.2, recipe=ONLY_SCORE), Notebook(0.2)
    written(prospr, run, first_order=first_order)
    scores = {name: value.abs() for name, value in meta_gradients(twin, 3, 0.1, 0.0, first_order).items()}
    assert run.masks == keep_top(scores, run.target)
    assert run.masks != written(snip, Notebook(0.2, recipe=ONLY_SCORE), norms="batch").masks


def test_scoring_leaves_the_network_as_it_is_and_is_on_the_bill():
    run, fresh = Notebook(1.0, recipe=ONLY_SCORE), state(Notebook())
    prospr(run)
    assert same(state(run), fresh)
    assert run._state.meter.scoring_passes == 4
    first = Notebook(1.0, recipe=ONLY_SCORE)
    prospr(first, first_order=True)
    assert first._state.meter.scoring_flops < run._state.meter.scoring_flops


@pytest.mark.runs
def test_training_starts_from_the_initial_weights():
    run, initial = after(prospr), Notebook().weights
    (start,) = run.trainings
    assert same(start, {name: weight * run.masks[name] for name, weight in initial.items()})
