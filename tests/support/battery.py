"""The contract's toy tasks, cut short for tests that try every rule on every method."""

from __future__ import annotations

from dataclasses import replace

from benchmark import Task
from benchmark.contract import trial

real_task = trial._task
STEPS = {"net": 140, "graph": 60, "residual": 24, "stream": 60}
"""In 140 steps every method does at its defaults what it does once or more often in 240: RigL moves weights at 100."""


def shorter(model: str) -> Task:
    """The toy tasks with as many steps as are needed to try a rule, which are few where there are convolutions."""
    task = real_task(model)
    few = {budget: replace(recipe, steps=min(recipe.steps, STEPS[model])) for budget, recipe in task.recipes.items()}
    return replace(task, recipes=few)
