"""A task: data, models, recipes and a metric, as one record of functions. Nothing here knows of pruning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from benchmark.data.source import DataSource
from benchmark.data.splits import Batch, Splits
from benchmark.errors import UsageError
from benchmark.training.recipe import Recipe


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
        model_recipes: by model, the recipes of those that are trained otherwise.
        model_zoos: where further models come from, by prefix: `model_zoos["timm"]` turns `resnet50` into the
            constructor of `timm:resnet50`, and raises UsageError where there is no such model or it does not fit.
        data: from a data folder to the splits: a function, or a `DataSource`, which knows the files that it reads.
        loss: the differentiable training loss of a batch, averaged over its examples.
        evaluate: the metrics of a model (in eval mode, without gradients) over batches that cover a split once.
        metrics: direction by name; the first one ranks.
        prunable: the names of the tensors that may be pruned.
        prunes: what there is to prune.
        sparsity: where no other is asked for.
        diagnose: what else is to be known of a network on the test split, beside the metrics; nothing is ranked by it.
    """

    models: Mapping[str, Callable[[], nn.Module]]
    recipes: Mapping[str, Recipe]
    data: Callable[[Path], Splits]
    loss: Callable[[nn.Module, Batch], Tensor]
    evaluate: Callable[[nn.Module, Iterable[Batch]], dict[str, float]]
    metrics: Mapping[str, Literal["max", "min"]]
    prunable: Callable[[nn.Module], list[str]] = conv_and_linear
    prunes: frozenset[str] = frozenset({"weights"})
    sparsity: float = 0.9
    model_recipes: Mapping[str, Mapping[str, Recipe]] = field(default_factory=dict)
    model_zoos: Mapping[str, Callable[[str], Callable[[], nn.Module]]] = field(default_factory=dict)
    diagnose: Callable[[nn.Module, Any], dict[str, Any]] | None = None

    @property
    def source(self) -> DataSource:
        """Where the data come from."""
        return self.data if isinstance(self.data, DataSource) else DataSource(self.data)

    def model(self, name: str) -> Callable[[], nn.Module]:
        """The constructor of a model. Raises UsageError, with the names there are."""
        if name in self.models:
            return self.models[name]
        zoo, _, inner = name.partition(":")
        if inner and zoo in self.model_zoos:
            return self.model_zoos[zoo](inner)
        there = [*self.models, *(f"{zoo}:NAME" for zoo in self.model_zoos)]
        raise UsageError(f"no model named '{name}' for this task; it has: {', '.join(there)}")

    def recipe(self, budget: str, model: str = "") -> Recipe:
        """The recipe of a budget, as this model is trained. Raises UsageError, with the budgets there are."""
        recipes = self.model_recipes.get(model, self.recipes)
        if budget not in recipes:
            raise UsageError(f"no budget named '{budget}' for this task; it has: {', '.join(recipes)}")
        return recipes[budget]
