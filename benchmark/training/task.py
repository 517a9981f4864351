"""`Task`: the data, models, recipes and metrics that networks are trained with, before any pruning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from benchmark.data.source import DataSource
from benchmark.data.splits import Batch, Splits
from benchmark.errors import UsageError
from benchmark.training.prunable import Policy, conv_and_linear
from benchmark.training.recipe import Recipe, shortened, steps_in
from benchmark.training.stream import Stream

Loss = Callable[[nn.Module, Batch], Tensor]
"""The differentiable training loss of a batch, averaged over its examples."""


@dataclass(frozen=True)
class Task:
    """What a network is trained for: its data, models, recipes and metrics.

    Args:
        models: constructors by name; the first is the default. They draw initial weights from torch's global generator,
            which is seeded.
        recipes: recipes by budget: `smoke` (does it run), `short` (does it learn), `full` (what is published).
        model_recipes: the recipes of models that are trained differently, by model; for all models of a zoo, by its
            prefix.
        model_zoos: functions that find further models, by prefix: `model_zoos["timm"]` returns the constructor of
            `timm:resnet50` for `resnet50`. They raise UsageError if no such model exists, or if it does not fit the
            task.
        data: reads the splits from a data folder: a function, or a `DataSource`, which also names the files it reads.
        loss: the differentiable training loss of a batch, averaged over its examples.
        evaluate: the metrics of a model (in eval mode, without gradients) over batches that cover a split once.
        metrics: for each metric by name, whether a higher (`max`) or a lower value (`min`) is better. The first one
            ranks.
        prunable: returns the names of the tensors that may be pruned.
        prunes: what can be pruned: `weights`, and `edges` if the data are graphs.
        sparsity: the default sparsity.
        pretrained: reads the tensors of a trained network of a model, by name, from a data folder (`--start files`). It
            raises DataMissing, with the command that fetches them, if they are not there, and UsageError if there are
            none for this model.
        adapt: makes the tensors of a start fit those of a network, both by name: from a head of 1,000 outputs it takes
            those of the task's classes, for example. Tensors that it cannot fit are returned as they are.
        diagnose: computes further properties of a network on the test split. They are not used for ranking.
        logits: returns the outputs [n, classes] of a model for a batch, and the classes, int64 [n], that `loss`
            compares them with. With it, the option `loss` can put another loss in its place, and risks can be measured
            (`diagnosis`). None if the loss is of another kind.
        early: the training loss of the first `Recipe.early` updates, if it is a different one.
        collapsed: says, from batches that cover the validation split, why a trained network predicts nothing; empty if
            it does predict. A run that ends with such a network has failed.
        stream: how the data are divided into parts that come one after the other; None if they are not. A recipe covers
            all parts together. Methods that do not go through the parts train on all of them at once.
    """

    models: Mapping[str, Callable[[], nn.Module]]
    recipes: Mapping[str, Recipe]
    data: Callable[[Path], Splits]
    loss: Loss
    evaluate: Callable[[nn.Module, Iterable[Batch]], dict[str, float]]
    metrics: Mapping[str, Literal["max", "min"]]
    prunable: Policy = conv_and_linear
    prunes: frozenset[str] = frozenset({"weights"})
    sparsity: float = 0.9
    model_recipes: Mapping[str, Mapping[str, Recipe]] = field(default_factory=dict)
    model_zoos: Mapping[str, Callable[[str], Callable[[], nn.Module]]] = field(default_factory=dict)
    diagnose: Callable[[nn.Module, Any], dict[str, Any]] | None = None
    pretrained: Callable[[str, Path], Mapping[str, Tensor]] | None = None
    adapt: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Mapping[str, Tensor]] | None = None
    logits: Callable[[nn.Module, Batch], tuple[Tensor, Tensor]] | None = None
    early: Loss | None = None
    collapsed: Callable[[nn.Module, Iterable[Batch]], str] | None = None
    stream: Stream | None = None

    @property
    def offers(self) -> frozenset[str]:
        """What methods may work on or need: what can be pruned, and `streams` if the data come in parts."""
        return self.prunes | ({"streams"} if self.stream else set())

    @property
    def source(self) -> DataSource:
        """Where the data come from."""
        return self.data if isinstance(self.data, DataSource) else DataSource(self.data)

    def loss_at(self, clock: int, recipe: Recipe) -> Loss:
        """The training loss of update `clock` of a recipe, counted from 0."""
        return self.early if self.early and clock < recipe.early else self.loss

    def model(self, name: str) -> Callable[[], nn.Module]:
        """The constructor of a model. Raises UsageError, with the known names, for an unknown one."""
        if name in self.models:
            return self.models[name]
        zoo, _, inner = name.partition(":")
        if inner and zoo in self.model_zoos:
            return self.model_zoos[zoo](inner)
        known = [*self.models, *(f"{zoo}:NAME" for zoo in self.model_zoos)]
        raise UsageError(f"no model named '{name}' for this task; it has: {', '.join(known)}")

    def recipe(self, budget: str, model: str = "", examples: int | None = None) -> Recipe:
        """The recipe of a budget for a model.

        Args:
            budget: its name; or a length, `10-epochs` or `2000-steps`, to which the recipe `full` is scaled.
            examples: the number of training examples, which a length in epochs needs.

        Raises:
            UsageError: the budget is unknown; the message has the known ones.
        """
        of_zoo = self.model_recipes.get(model.partition(":")[0], self.recipes)
        recipes = self.model_recipes.get(model, of_zoo)
        if budget in recipes:
            return recipes[budget]
        full = recipes.get("full")
        steps = full and steps_in(budget, full.batch_size, examples)
        if not full or not steps:
            known = ", ".join([*recipes, *(["N-epochs", "N-steps"] if full else [])])
            raise UsageError(f"no budget named '{budget}' for this task; it has: {known}")
        return shortened(full, steps)


def with_recipes(task: Task, change: Callable[[Recipe], Recipe]) -> Task:
    """The task with every recipe changed, those of single models as well."""

    def changed(recipes: Mapping[str, Recipe]) -> dict[str, Recipe]:
        return {budget: change(recipe) for budget, recipe in recipes.items()}

    of_models = {model: changed(recipes) for model, recipes in task.model_recipes.items()}
    return replace(task, recipes=changed(task.recipes), model_recipes=of_models)
