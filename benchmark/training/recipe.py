"""Recipes: how long, with which optimizer and at which learning rate a network is trained."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from benchmark.data.splits import Batch

Augment = Callable[[Batch, torch.Generator], Batch]
"""From a batch and a generator to the augmented batch."""


@dataclass(frozen=True)
class Recipe:
    """How a task's networks are trained, the same for every algorithm. Lengths are in optimizer steps.

    Args:
        steps: the length of one training; 0 for networks that are already trained and are not trained further.
        rate: the learning rate, before milestones, cosine and warm-up change it.
        milestones: the steps at which the rate is multiplied by `gamma`.
        cosine: anneal the rate to zero along half a cosine, without milestones.
        linear: anneal the rate to zero along a line from the end of the warm-up, without milestones.
        warmup: the steps over which the rate grows linearly from 0.
        decay_norms: whether the parameters of normalisation layers have weight decay, too.
        clip: the largest norm of the gradient of kept weights; a larger gradient is scaled down to it. 0 for no limit.
        augment: a function from a batch and a generator to the augmented batch.
        precision: the precision of the forward pass; `bfloat16` means torch's autocast.
        early: the number of first steps in which the loss is `Task.early`, if the task has one.
    """

    steps: int
    batch_size: int
    rate: float
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    decay_norms: bool = True
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    cosine: bool = False
    linear: bool = False
    warmup: int = 0
    clip: float = 0.0
    augment: Augment | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    early: int = 0

    def rate_at(self, step: int) -> float:
        """The learning rate of update `step`, counted from 0. Beyond the end it stays at that of the last step."""
        step, steps = min(step, max(0, self.steps - 1)), max(1, self.steps)
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.cosine:
            return self.rate * warm * (1 + math.cos(math.pi * step / steps)) / 2
        if self.linear:
            return self.rate * min(warm, (steps - step) / max(1, steps - self.warmup))
        return self.rate * warm * self.gamma ** sum(step >= milestone for milestone in self.milestones)

    def describe(self) -> dict[str, Any]:
        """The recipe as plain values, for the record."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["milestones"] = list(self.milestones)
        if not self.linear:
            del values["linear"]  # a field that came later: older records lack it
        values["augment"] = self.augment and getattr(self.augment, "__name__", str(self.augment))
        return values


def finetuned(recipe: Recipe, share: float, rate: float) -> Recipe:
    """The recipe for a network that is already trained: a share of the whole recipe, at a multiple of its rate."""
    return replace(shortened(recipe, round(share * recipe.steps)), rate=rate * recipe.rate)


LENGTH = re.compile(r"([1-9][0-9]*)-(epochs|steps)")
"""A budget that is a length: `10-epochs` or `2000-steps`."""


def steps_in(budget: str, batch_size: int, examples: int | None) -> int | None:
    """The number of updates of a budget that is a length; None for one that is a name.

    Args:
        examples: the number of training examples. An epoch leaves out the short batch at its end.

    Raises:
        ValueError: the length is in epochs, and the number of examples is not given.
    """
    if not (length := LENGTH.fullmatch(budget)):
        return None
    count, unit = int(length[1]), length[2]
    if unit == "steps":
        return count
    if examples is None:
        raise ValueError(f"{budget} has no number of steps yet: how many training examples are there?")
    return count * (examples // min(batch_size, examples))


def shortened(recipe: Recipe, steps: int) -> Recipe:
    """The same recipe with fewer steps, or more: milestones, warm-up and `early` are scaled in proportion."""
    scale = steps / max(1, recipe.steps)
    milestones = tuple(round(milestone * scale) for milestone in recipe.milestones)
    warmup, early = round(recipe.warmup * scale), round(recipe.early * scale)
    return replace(recipe, steps=steps, milestones=milestones, warmup=warmup, early=early)
