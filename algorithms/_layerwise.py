"""Helpers of methods that prune a trained network, at once or layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from torch import Tensor

from benchmark import Amount, Anywhere, Doc, Masks, Run, keep_each, keep_top, weights_per_layer
from benchmark.scores import Tensors

Finetune = Annotated[
    Amount,
    Doc(
        "training after pruning, as a multiple of a training, at the last learning rate; a network that comes trained "
        "is trained by the recipe of its cell instead"
    ),
]


def train_if_drawn(run: Run) -> None:
    """Train the network, unless it comes trained."""
    if not run.trained:
        run.train()


def fine_tune(run: Run, multiple: float, parts: int = 1) -> None:
    """Train after pruning, or one of several equal parts of it.

    Args:
        multiple: of a training; a network that comes trained is trained by the recipe of its cell, whatever this is.
    """
    run.train(round((1.0 if run.trained else multiple) * run.recipe.steps / parts))


def equal_shares(run: Run) -> dict[str, int]:
    """How many weights each tensor keeps if all lose the same share."""
    return weights_per_layer("uniform", {name: mask.shape for name, mask in run.masks.items()}, run.target.density)


def keep_in_layer(run: Run, name: str, score: Tensor, count: int) -> Tensor:
    """The mask of one tensor by scores of its weights: `count` of them under `global`, else as the pattern says."""
    scores: Tensors = {name: score}
    if isinstance(run.target.pattern, Anywhere):
        return keep_each(run.target.oriented(scores), {name: count})[name]
    return keep_top(scores, run.target)[name]


def product(weight: Tensor, squares: Tensor) -> Tensor:
    """|w| times the root mean square of the input that it is multiplied with."""
    return weight.abs() * squares.sqrt()


def within_outputs(scores: Tensor) -> Tensor:
    """The rank of each score within its output, so that all outputs keep the same number, or one more."""
    return scores.flatten(1).argsort(dim=1, stable=True).argsort(dim=1).double().view_as(scores)


def replaced(masks: Masks, changes: Mapping[str, Tensor]) -> Masks:
    """The masks with some of them replaced."""
    return Masks({name: changes.get(name, mask) for name, mask in masks.items()})
