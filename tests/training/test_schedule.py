"""Rates and rewinding, read off one weight whose gradient is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from benchmark import Recipe, Run, Target, TensorData
from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.training.run_state import RunState

pytestmark = pytest.mark.runs


def one_weight(recipe: Recipe) -> Run:
    """loss = w: an update of plain SGD moves w by the learning rate."""

    def model() -> nn.Module:
        net = nn.Sequential(nn.Linear(1, 1, bias=False, dtype=torch.float64))
        nn.init.zeros_(net[0].weight)
        return net

    task = replace(toy, models={"net": model}, loss=lambda net, batch: net(batch[0]).mean())
    ones = torch.ones(8, 1, dtype=torch.float64)
    data = TensorData(ones, torch.zeros(8), transform=lambda stored: stored)
    return Run(RunState(task, build(task, "net", 0), recipe, Target(1.0), data, 0))


def rates_of(run: Run, train: Callable[[], None]) -> list[float]:
    """What every update of `train` took off the weight."""
    seen = [float(run.weights["0.weight"])]
    for _ in range(3):
        train()
        seen.append(float(run.weights["0.weight"]))
    return [before - after for before, after in pairwise(seen)]


def test_every_update_is_at_the_rate_of_its_step():
    recipe = Recipe(steps=6, batch_size=4, rate=1.0, milestones=(4,), warmup=2)
    run = one_weight(recipe)
    assert rates_of(run, lambda: run.train(1)) == pytest.approx([0.5, 1.0, 1.0])
    assert rates_of(run, lambda: run.train(1)) == pytest.approx([1.0, 0.1, 0.1])


@pytest.mark.parametrize("schedule", [{"milestones": (2,)}, {"cosine": True}, {"warmup": 10}])
def test_training_past_the_end_is_at_the_last_rate(schedule):
    recipe = Recipe(steps=4, batch_size=4, rate=1.0, **schedule)
    run = one_weight(recipe)
    run.train()
    assert rates_of(run, lambda: run.train(1)) == pytest.approx([recipe.rate_at(3)] * 3)
    run.train()
    assert run.clock == 7


def test_a_rewound_schedule_starts_over():
    run = one_weight(Recipe(steps=4, batch_size=4, rate=1.0, milestones=(1, 2)))
    run.train()
    run.rewind(1)
    assert rates_of(run, lambda: run.train(1)) == pytest.approx([0.1, 0.01, 0.01])
