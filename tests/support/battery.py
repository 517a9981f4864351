"""The contract's toy tasks, cut short for tests that try every rule on every method."""

from __future__ import annotations

from dataclasses import replace

from benchmark import Task
from benchmark.contract import trial

real_task = trial._task
WHOLE = 140
"""Steps in which every method, at its defaults, does all that it does in 240: RigL moves weights at 100."""

FEW = {"graph": 60, "residual": 24, "stream": 60}


def whole(model: str) -> Task:
    """The toy tasks with trainings in which every method does all that it does."""
    return _cut(model, WHOLE)


def shorter(model: str) -> Task:
    """The toy tasks with as many steps as are needed to try a rule, which are few where there are convolutions."""
    return _cut(model, FEW.get(model, WHOLE))


def _cut(model: str, steps: int) -> Task:
    task = real_task(model)
    few = {budget: replace(recipe, steps=min(recipe.steps, steps)) for budget, recipe in task.recipes.items()}
    return replace(task, recipes=few)
