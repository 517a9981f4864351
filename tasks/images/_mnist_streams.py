"""The task of MNIST for streams: a perceptron, and images that may be changed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmark import Task

from ._classification import METRICS, cross_entropy, evaluate
from ._mnist import OPENLTH, SOURCE, Change, load
from ._models import mlp


def mnist(outputs: int, change: Change = lambda data: data, parts: int = 1) -> Task:
    """Return the task of MNIST with a perceptron of so many outputs.

    Args:
        change: of each split.
        parts: as many times as many images there are then; a recipe has as many times as many steps.
    """
    return Task(
        models={"lenet-300-100": partial(mlp, 784, 300, 100, outputs)},
        recipes={budget: replace(recipe, steps=parts * recipe.steps) for budget, recipe in OPENLTH.items()},
        data=replace(SOURCE, load=partial(load, change=change)),
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
    )
