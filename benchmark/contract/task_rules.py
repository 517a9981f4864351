"""The rules that every task follows. Each one takes the task's name, and raises `Broken` with what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import SkipTest

import torch
from torch import Tensor

from benchmark.contract import pace
from benchmark.contract.algorithm_rules import require_described
from benchmark.contract.finding import Broken, Rule, require, require_each
from benchmark.data.dataset import DatasetData
from benchmark.data.folders import DataFolders
from benchmark.data.splits import Batch, Data, Splits
from benchmark.data.tensors import TensorData, bytes_of
from benchmark.errors import BenchError, DataMissing, Diverged, Inapplicable, UsageError
from benchmark.harness.answer import answer
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.harness.starts import fit
from benchmark.plugins import catalog, registry
from benchmark.pruning.target import Target, keep_top
from benchmark.results.cell import Cell
from benchmark.training.objective import Objective
from benchmark.training.run import Run
from benchmark.training.run_state import RunState
from benchmark.training.state import fingerprint
from benchmark.training.task import Task
from benchmark.training.weighted_edges import require_used


def is_explained(name: str) -> None:
    """The docstring has a first line that says what the task is, and a line for every option."""
    require(bool(catalog.find("task", name).summary), "neither the function nor the module has a docstring")
    require_described(registry.family(name).options)


def has_every_budget(name: str) -> None:
    """The task has the budgets smoke, short and full, each at least as long as the one before."""
    task = registry.task(name)
    for recipes in (task.recipes, *task.model_recipes.values()):
        require(list(recipes)[:3] == ["smoke", "short", "full"], f"its budgets are {', '.join(recipes)}")
        steps = [recipe.steps for recipe in recipes.values()]
        require(steps == sorted(steps), f"its budgets are not in order of length: {steps}")
    unknown = ", ".join(task.model_recipes.keys() - task.models.keys() - task.model_zoos.keys())
    require(not unknown, f"it has recipes of models that it has not: {unknown}", "Task.models has the names")


def splits_do_not_overlap(name: str) -> None:
    """Train, validation and test have no examples in common, and are the same on every load.

    Examples are compared one by one if they are tensors; for other data only the digests are compared.
    """
    task = registry.task(name)
    folder = DataFolders().locate(name, task.source)
    first, second = task.data(folder), task.data(folder)
    for split in ("train", "validation", "test"):
        data: Data = getattr(first, split)
        require(len(data) > 0, f"{split} is empty")
        require(
            data.digest == getattr(second, split).digest,
            f"{split} differs between two loads",
            "draw with a seed of the task's own",
        )
    digests = {getattr(first, split).digest for split in ("train", "validation", "test")}
    require(len(digests) == 3, "two splits hold the same examples", CARVE)
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        _do_not_overlap(getattr(first, one), getattr(first, other), f"{one} and {other}")


def _do_not_overlap(one: Data, other: Data, names: str) -> None:
    """Raise Broken if two splits share more than 1 % of their examples; real data contain a few duplicates."""
    if isinstance(one, TensorData) and isinstance(other, TensorData):
        places = {data.inputs.untyped_storage().data_ptr() for data in (one, other)}
        require(len(places) == 2, f"{names} share memory", CARVE)
    known = set(_rows(one))
    shared = sum(row in known for row in _rows(other))
    require(shared <= len(other) / 100, f"{names} share {shared} examples", CARVE)


def _rows(data: Data) -> list[Hashable]:
    """What distinguishes the examples of data; empty for data without such information."""
    if isinstance(data, TensorData):
        return [row.tobytes() for row in bytes_of(data.inputs.cpu()).view(len(data), -1).numpy()]
    return [*data.digests()] if isinstance(data, DatasetData) else []


CARVE = "carve(data, size, seed=1) takes a split out of another one, the same for all runs"


def comes_trained(task: Task, model: str) -> bool:
    """Whether the task has a trained network of this model, whether or not its file is here."""
    try:
        return task.pretrained is not None and bool(task.pretrained(model, DataFolders().cache))
    except DataMissing:
        return True
    except UsageError:
        return False


def starts_fit(name: str) -> None:
    """Every trained network that the task comes with, and that is here, is the same on every load and fits its model.

    Tensors that do not fit are allowed, such as a head for other classes. Every parameter that is taken is finite.
    """
    task, roots = registry.task(name), DataFolders().roots
    for model in task.models:
        for root in roots:
            with suppress(DataMissing, UsageError):
                given = dict(task.pretrained(model, root)) if task.pretrained else {}
                if given:
                    _fits(task, model, given)


def _fits(task: Task, model: str, given: dict[str, Tensor]) -> None:
    try:
        values = fit(given, build(task, model, 0), task).values
    except Inapplicable as problem:
        raise Broken(f"{model}: {problem}") from None
    wrong = [name for name, value in values.items() if not bool(value.isfinite().all())]
    require(not wrong, f"{model}: '{''.join(wrong[:1])}' of its trained network holds NaN or infinity")


def models_can_be_pruned(name: str) -> None:
    """Every model is determined by its seed, and every prunable tensor is a matrix or more and gets a gradient.

    A pretrained model may be the same for every seed.
    """
    task = registry.task(name)
    batch = task.data(DataFolders().locate(name, task.source)).train.batch(torch.arange(2))
    require_each(task.models, partial(_named, partial(_can_be_pruned, task, batch)))


def _named(rule: Callable[[str], None], model: str) -> None:
    """Try a rule on a model. Raises Broken with the model's name, whatever its code raises."""
    try:
        rule(model)
    except (Broken, BenchError):
        raise
    except Exception as error:
        raise Broken(f"{model}: {type(error).__name__}: {error}") from error


def _can_be_pruned(task: Task, batch: Batch, model: str) -> None:
    network = build(task, model, 0)
    require(fingerprint(network) == fingerprint(build(task, model, 0)), f"{model} differs for the same seed", DRAW)
    other = comes_trained(task, model) or fingerprint(network) != fingerprint(build(task, model, 1))
    require(other, f"{model} is the same for every seed", DRAW)
    task.loss(network, batch).backward()  # type: ignore[no-untyped-call]
    prunable = {n: p for n, p in network.named_parameters() if n in task.prunable(network)}
    right = len(prunable) == len(task.prunable(network)) > 0
    require(right, f"{model} has no prunable tensor, or names a wrong one", NAMED)
    for tensor, parameter in prunable.items():
        require(parameter.dim() >= 2, f"{model}: '{tensor}' is not a weight matrix", NAMED)
        require(parameter.grad is not None, f"{model}: '{tensor}' gets no gradient", "leave it out of Task.prunable")


DRAW = "models are constructors, called anew for every run; they draw from torch's global generator, which is seeded"
NAMED = "Task.prunable returns names of network.named_parameters(); by default those of linear layers and convolutions"


def networks_train(name: str) -> None:
    """Every network is pruned to the task's sparsity and trained for three steps of small batches: none diverges.

    With `--fast`, only the first one. `trains_and_measures` trains that one for longer, and measures it.
    """
    task = registry.task(name)
    splits = task.data(DataFolders().locate(name, task.source))
    models = list(task.models)[: 1 if pace.is_fast() else None]
    require_each(models, partial(_named, partial(_trains, task, splits)))


def _trains(task: Task, splits: Splits, model: str) -> None:
    recipe = task.recipe("3-steps", model)
    recipe = replace(recipe, batch_size=min(recipe.batch_size, 32))
    with torch.random.fork_rng(devices=[]):
        network, target = build(task, model, 0), Target(1 - task.sparsity)
        run = Run(RunState(task, network, recipe, target, splits.train, 0, validation=splits.validation))
        run.prune(keep_top({weight: values.abs() for weight, values in run.weights.items()}, target))
        try:
            run.train()
        except Diverged as problem:
            raise Broken(f"{model}: {problem}", SLOWER) from problem


SLOWER = "try a lower rate in its recipe, and inputs of a mean near 0 and a deviation near 1"


def trains_and_measures(name: str) -> None:
    """A smoke run of the default model succeeds, with the metrics that the task declares, in their order."""
    task = registry.task(name)
    folder, dense = DataFolders().locate(name, task.source), registry.algorithm("dense")
    model, *_ = task.models
    cell = Cell(algorithm="dense", task=name, model=model, sparsity=0, budget="smoke", seed=0)
    record = answer(Question(cell, dense, task, folder))
    require(record.status == "ok", f"{model}: dense training ends as {record.status}: {record.error}")
    measured = f"{model}: it measures {', '.join(record.metrics)}"
    require(list(record.metrics) == list(task.metrics), measured, f"Task.metrics names {', '.join(task.metrics)}")


def uses_edge_weights_or_refuses_them(name: str) -> None:
    """On graphs, every model uses the weights of edges or says that it does not; weights of 1 are as good as none."""
    task = registry.task(name)
    if "edges" not in task.prunes:
        raise SkipTest("its data are not graphs")
    train = task.data(DataFolders().locate(name, task.source)).train
    few = train.select(torch.arange(min(2, len(train)))) if hasattr(train, "select") else train
    weighted, plain = (data.batch(torch.arange(len(data))) for data in (few.rewrite(_weighing_1), few))
    for model in task.models:
        objective = Objective(build(task, model, 0), task)
        with suppress(Inapplicable):
            require_used(objective, weighted)
            weights = dict(objective.model.named_parameters())
            one, other = objective.settled(weighted, weights), objective.settled(plain, weights)
            require(
                torch.allclose(one, other, rtol=1e-3), f"{model}: edges of weight 1 are not as edges without weights"
            )


def _weighing_1(graph: Any) -> Any:
    graph.edge_weight = torch.ones(graph.edge_index.shape[1])
    return graph


TASK_RULES: list[Rule] = [
    is_explained,
    has_every_budget,
    splits_do_not_overlap,
    models_can_be_pruned,
    networks_train,
    uses_edge_weights_or_refuses_them,
    starts_fit,
    trains_and_measures,
]
