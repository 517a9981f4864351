"""What the options that every task has change about a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmark.data.splits import Data, Splits
from benchmark.data.tensors import carved
from benchmark.errors import PluginError, UsageError
from benchmark.plugins.common_options import COMMON
from benchmark.plugins.losses import LOSSES, OPTIONS
from benchmark.training.task import Task, with_recipes


def varied(task: Task, values: Mapping[str, Any]) -> Task:
    """The task with what common options change.

    Args:
        values: of these options, validated.

    Raises:
        UsageError: the task has no loss that can be replaced.
    """
    for name in [name for name in COMMON if name in values]:
        task = _CHANGES[name](task, values)
    return task


def _rate(task: Task, values: Mapping[str, Any]) -> Task:
    return with_recipes(task, lambda recipe: replace(recipe, rate=values["rate"]))


def _warmup(task: Task, values: Mapping[str, Any]) -> Task:
    return with_recipes(task, lambda recipe: replace(recipe, warmup=round(values["warmup"] * recipe.steps)))


def _precision(task: Task, values: Mapping[str, Any]) -> Task:
    return with_recipes(task, lambda recipe: replace(recipe, precision=values["precision"]))


def _examples(task: Task, values: Mapping[str, Any]) -> Task:
    source, count = task.source, values["examples"]

    def load(folder: Path) -> Splits:
        return _with_fewer(source.load(folder), count)

    def split_of_seed(folder: Path, seed: int) -> Splits:
        return _with_fewer(source.splits(folder, seed), count)

    return replace(task, data=replace(source, load=load, split_of_seed=split_of_seed if source.split_of_seed else None))


def _with_fewer(splits: Splits, count: int) -> Splits:
    return Splits(_first(splits.train, count), splits.validation, splits.test)


def _first(data: Data, count: int) -> Data:
    """The examples that come first in a permutation, which depends on their number alone.

    Raises:
        UsageError: there are not so many, or they leave out a class.
        PluginError: the data have no method `select`.
    """
    if count > len(data):
        raise UsageError(f"examples={count:,} are more than the {len(data):,} of the training split")
    select = getattr(data, "select", None)
    if select is None:
        raise PluginError(f"the option examples needs a method select(index) of {type(data).__name__}")
    _, chosen = carved(len(data), count)
    fewer: Data = select(chosen)
    if data.classes is not None and fewer.classes is not None:
        left, whole = (len(torch.unique(part)) for part in (fewer.classes, data.classes))
        if left < whole:
            raise UsageError(f"examples={count:,} leave out {whole - left} of the {whole} classes; take more")
    return fewer


def _loss(task: Task, values: Mapping[str, Any]) -> Task:
    own = {name: values[name] for name in OPTIONS[values["loss"]]}
    return LOSSES[values["loss"]](task, **own)


_CHANGES: Mapping[str, Callable[[Task, Mapping[str, Any]], Task]] = {
    "rate": _rate,
    "warmup": _warmup,
    "examples": _examples,
    "precision": _precision,
    "loss": _loss,
}
