"""A loss that is not finite ends a training, soon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from benchmark import Recipe, Run
from benchmark.contract.toy import toy
from benchmark.errors import Diverged
from benchmark.training.engine import CHECK_EVERY
from tests.support.runs import (
    PLAIN,
    toy_run,
)

pytestmark = pytest.mark.runs


def exploding() -> Run:
    task = replace(toy, models={"net": lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))})
    return toy_run(Recipe(steps=400, batch_size=32, rate=1e25), task=task)


def test_divergence_is_noticed_within_so_many_steps():
    run = exploding()
    losses: list[float] = []

    def watched() -> Iterator[None]:
        for step in run.steps():
            losses.append(float(step.loss))
            yield

    with pytest.raises(Diverged, match="the training loss was not finite before step"):
        list(watched())
    first = next(step for step, loss in enumerate(losses) if not np.isfinite(loss))
    assert len(losses) - first <= CHECK_EVERY
    assert first < CHECK_EVERY < run.recipe.steps


@pytest.mark.parametrize("steps", [CHECK_EVERY - 10, None], ids=["short", "long"])
def test_no_training_ends_quietly_after_a_loss_that_is_not_finite(steps):
    with pytest.raises(Diverged):
        exploding().train(steps)


def test_a_single_loss_that_is_not_finite_is_not_forgotten():
    """Infinite once, with a gradient like any other: every later loss is finite again."""
    losses = iter([0.0, 0.0, float("inf")])
    task = replace(toy, loss=lambda model, batch: toy.loss(model, batch) + next(losses, 0.0))
    run = toy_run(PLAIN, task=task)
    losses = iter([0.0, 0.0, float("inf")])
    with pytest.raises(Diverged):
        run.train()
    assert run.clock == PLAIN.steps
