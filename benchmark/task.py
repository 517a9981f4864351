"""A task: data, models, recipes and a metric, as one record of functions. Nothing here knows of pruning."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmark.data import Batch, Splits
from benchmark.download import Download
from benchmark.errors import UsageError


@dataclass(frozen=True)
class Recipe:
    """How a task's networks are trained; the same for every algorithm. Lengths are optimizer steps.

    Args:
        steps: length of one training.
        milestones: steps at which the rate is multiplied by `gamma`.
        cosine: anneal to zero along half a cosine instead.
        warmup: steps over which the rate grows linearly from 0.
        decay_norms: whether weight decay is for normalisation layers, too.
        clip: the norm that the gradient of what is kept is scaled down to where it is longer; 0 leaves it as it is.
        augment: a batch and a generator -> the augmented batch.
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
    warmup: int = 0
    clip: float = 0.0
    augment: Callable[[Batch, torch.Generator], Batch] | None = None
    precision: Literal["float32", "bfloat16"] = "float32"

    def rate_at(self, step: int) -> float:
        """The learning rate of update `step`, from 0. Past the end it stays what it was at the last step."""
        step = min(step, self.steps - 1)
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.cosine:
            return self.rate * warm * (1 + math.cos(math.pi * step / self.steps)) / 2
        return self.rate * warm * self.gamma ** sum(step >= milestone for milestone in self.milestones)

    def describe(self) -> dict[str, Any]:
        """The recipe as plain values, for the record."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["milestones"] = list(self.milestones)
        values["augment"] = self.augment and getattr(self.augment, "__name__", str(self.augment))
        return values


def shortened(recipe: Recipe, steps: int) -> Recipe:
    """The same recipe in fewer steps: milestones and warm-up keep their place on the way."""
    scale = steps / recipe.steps
    milestones = tuple(round(milestone * scale) for milestone in recipe.milestones)
    return replace(recipe, steps=steps, milestones=milestones, warmup=round(recipe.warmup * scale))


def conv_and_linear(model: nn.Module) -> list[str]:
    """The default prunable policy: `.weight` of every convolution and linear layer; no bias, no norm."""
    layers = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    names = [f"{name}.weight".lstrip(".") for name, module in model.named_modules() if isinstance(module, layers)]
    return [name for name, _ in model.named_parameters() if name in names]  # a tied weight has one name


@dataclass(frozen=True)
class Task:
    """What a network is trained for. `loss` and `evaluate` are all that the harness needs to train and judge it.

    Args:
        models: constructors by name; the first is the default. They draw from the global generator, which is seeded.
        recipes: by budget: `smoke` (does it run), `short` (does it learn), `full` (what is published).
        special: by model, the recipes of those that are trained otherwise.
        zoos: where further models come from, by prefix: `zoos["timm"]` makes the constructor of `timm:resnet50` from
            `resnet50`, and raises UsageError where there is none, or it does not fit.
        data: from the folder that holds `files` to the splits.
        loss: the differentiable training loss of a batch, averaged over its examples.
        evaluate: the metrics of a model (in eval mode, without gradients) over batches that cover a split once.
        metrics: direction by name; the first one ranks.
        files: what `data` reads, files or folders, relative to the data folder; empty for embedded data.
        fetch: download the files into a folder, or unpack them there from `downloads`.
        downloads: what `fetch` unpacks, and would otherwise download itself.
        checksums: `md5:...` or `sha256:...` by file, where they are published.
        prunable: the names of the tensors that may be pruned.
        prunes: what there is to prune.
        sparsity: where no other is asked for.
        fold: `data` of a seed, where several splits are published and the seed chooses among them; `data` is seed 0's.
        diagnose: what else is to be known of a network on the test split, beside the metrics; nothing is ranked by it.
    """

    models: Mapping[str, Callable[[], nn.Module]]
    recipes: Mapping[str, Recipe]
    data: Callable[[Path], Splits]
    loss: Callable[[nn.Module, Batch], Tensor]
    evaluate: Callable[[nn.Module, Iterable[Batch]], dict[str, float]]
    metrics: Mapping[str, Literal["max", "min"]]
    files: tuple[str, ...] = ()
    fetch: Callable[[Path], None] | None = None
    prunable: Callable[[nn.Module], list[str]] = conv_and_linear
    prunes: frozenset[str] = frozenset({"weights"})
    sparsity: float = 0.9
    special: Mapping[str, Mapping[str, Recipe]] = field(default_factory=dict)
    fold: Callable[[Path, int], Splits] | None = None
    downloads: tuple[Download, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)
    zoos: Mapping[str, Callable[[str], Callable[[], nn.Module]]] = field(default_factory=dict)
    diagnose: Callable[[nn.Module, Any], dict[str, Any]] | None = None

    def splits(self, folder: Path, seed: int) -> Splits:
        """The splits that a run of this seed trains and is tested on."""
        return self.fold(folder, seed) if self.fold else self.data(folder)

    def model(self, name: str) -> Callable[[], nn.Module]:
        """The constructor of a model. Raises UsageError, with the names there are."""
        if name in self.models:
            return self.models[name]
        zoo, _, inner = name.partition(":")
        if inner and zoo in self.zoos:
            return self.zoos[zoo](inner)
        there = [*self.models, *(f"{zoo}:NAME" for zoo in self.zoos)]
        raise UsageError(f"no model named '{name}' for this task; it has: {', '.join(there)}")

    def recipe(self, budget: str, model: str = "") -> Recipe:
        """The recipe of a budget, as this model is trained. Raises UsageError, with the budgets there are."""
        recipes = self.special.get(model, self.recipes)
        if budget not in recipes:
            raise UsageError(f"no budget named '{budget}' for this task; it has: {', '.join(recipes)}")
        return recipes[budget]
