"""How the options that every task has change a task."""

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
    """The task as changed by its common options.

    Args:
        values: the validated values of these options.

    Raises:
        UsageError: the task has no loss that can be replaced, or no parts.
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


def _part(task: Task, values: Mapping[str, Any]) -> Task:
    number: int = values["part"]
    stream = task.stream
    if stream is None:
        raise UsageError(f"part={number} is for tasks whose data come in parts, as those of split-digits do")

    def only(data: Data) -> Data:
        parts = stream.divide(data)
        if number > len(parts):
            raise UsageError(f"there is no part={number}: the data come in {len(parts)} parts")
        return parts[number - 1]

    def own(splits: Splits) -> Splits:
        return Splits(only(splits.train), only(splits.validation), only(splits.test))

    return replace(_with_splits(task, own), stream=None)


def _examples(task: Task, values: Mapping[str, Any]) -> Task:
    def fewer(splits: Splits) -> Splits:
        return Splits(_first(splits.train, values["examples"]), splits.validation, splits.test)

    return _with_splits(task, fewer)


def _with_splits(task: Task, change: Callable[[Splits], Splits]) -> Task:
    """The task with its splits changed."""
    source = task.source

    def load(folder: Path) -> Splits:
        return change(source.load(folder))

    def split_of_seed(folder: Path, seed: int) -> Splits:
        return change(source.splits(folder, seed))

    return replace(task, data=replace(source, load=load, split_of_seed=split_of_seed if source.split_of_seed else None))


def _first(data: Data, count: int) -> Data:
    """The examples that come first in a permutation, which depends on their number alone.

    Raises:
        UsageError: there are fewer examples than that, or the chosen ones leave out a class.
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
    "part": _part,
    "examples": _examples,
    "precision": _precision,
    "loss": _loss,
}
