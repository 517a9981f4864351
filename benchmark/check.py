"""The contract that every plug-in keeps, as rules that can be run: by `bench check NAME`, or by a plug-in's own tests.

@pytest.mark.parametrize("rule", ALGORITHM_RULES, ids=rule_name)
def test_contract(rule):
    rule("my-algorithm")
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import SkipTest

import torch

from benchmark import listing, registry, trial
from benchmark.audit import fingerprint
from benchmark.data import Data, Splits, TensorData
from benchmark.errors import DataMissing
from benchmark.folders import DataFolders
from benchmark.harness import Question, answer, build
from benchmark.options import Options
from benchmark.record import Cell
from benchmark.run import Run
from benchmark.watch import reaches

Rule = Callable[[str], None]


class Broken(AssertionError):
    """A plug-in breaks a rule of the contract; the text says which and how."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one rule.

    Args:
        problem: what is wrong; empty where nothing is.
        idle: why the rule does not apply; empty where it does.
    """

    rule: str
    problem: str = ""
    idle: str = ""


def check(name: str, kind: listing.Kind) -> Iterator[Finding]:
    """Run every rule on a plug-in. Data that are not here end the check with DataMissing, not with a finding."""
    for rule in ALGORITHM_RULES if kind == "algorithm" else TASK_RULES:
        try:
            rule(name)
            yield Finding(rule_name(rule))
        except DataMissing:
            raise
        except SkipTest as reason:  # what pytest, too, takes for a test that is skipped
            yield Finding(rule_name(rule), idle=str(reason))
        except Exception as problem:
            text = str(problem) if isinstance(problem, Broken) else f"{type(problem).__name__}: {problem}"
            yield Finding(rule_name(rule), text)


def rule_name(rule: Rule) -> str:
    """A rule as words."""
    return rule.__name__.replace("_", " ")


def is_documented(name: str) -> None:
    """The first line of the docstring says what it is; every option says what it means."""
    algorithm = registry.algorithm(name)
    _expect(bool(algorithm.summary), "the function has no docstring")
    _options_are_told(algorithm.options)


def _options_are_told(options: Options) -> None:
    for option in options.values():
        _expect(bool(option.meaning), f"the docstring does not say what '{option.name}' means")


def keeps_exactly_what_is_asked(name: str) -> None:
    """The exact count, real zeros after training, and nothing else in the audit.

    Globally, by layer and 2:4 on every network; in blocks and channels on the first. A pattern may be declined.
    """
    weights, models = "weights" in registry.algorithm(name).prunes, trial.models(name)
    cases = [(model, "global", 0.8 if weights else 0.2) for model in models]
    if weights:
        cases += [
            (model, pattern, sparsity) for model in models for pattern, sparsity in (("layer", 0.8), ("2:4", 0.5))
        ]
        cases += [(models[0], "blocks:2x2", 0.5), (models[0], "channels", 0.5)]
    for model, pattern, sparsity in cases:
        record = trial.record(name, pattern, sparsity, model)
        fine = record.status == "ok" or (record.status == "skipped" and pattern != "global")
        _expect(fine, f"'{model}' at {pattern} ends as {record.status}: {record.error}")


def gives_the_same_bits_again(name: str) -> None:
    """The same cell in two fresh interpreters, with different hash seeds, has the same weights, masks and metrics."""
    command = [sys.executable, "-m", "benchmark.trial", name]
    pipes = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    ]
    outcomes = [pipe.communicate() for pipe in pipes]
    for pipe, (_, errors) in zip(pipes, outcomes, strict=True):
        _expect(pipe.returncode == 0, f"it fails in a fresh process: {errors.strip().splitlines()[-1:]}")
    _expect(outcomes[0][0] == outcomes[1][0], "two fresh processes give different results for the same cell")


def equals_dense_training_at_density_one(name: str) -> None:
    """Allowed to keep every weight, a method that trains them once leaves dense training's bits."""
    if not registry.algorithm(name).once:
        raise SkipTest(
            "it says once=False: it trains the weights more than once, or otherwise than dense training does"
        )
    for model in trial.models(name):
        run, dense = trial.run(name, 1.0, model), trial.watched(1.0, model)
        dense.train()
        _expect(run.bits() == dense.bits(), f"at density 1 '{model}' has not the weights of dense training")


def leaves_no_trace_when_it_looks(name: str) -> None:
    """Scoring leaves parameters, buffers, gradients, generators and mode as they were."""
    for model in trial.models(name):
        for trace in trial.run(name, 0.2, model).traces:
            raise Broken(trace)


def cannot_reach_the_test_split(name: str) -> None:
    """Nothing that hangs on the run leads to the test data."""
    tests: list[int] = []
    asked = trial.question(name)

    def data(folder: Path) -> Splits:
        splits = asked.task.data(folder)
        tests.append(id(splits.test))
        return splits

    def look(run: Run) -> None:
        _expect(not reaches(run, tests[0]), "the test split can be reached from the run")

    method = asked.algorithm
    spied = trial.Spied(method.function, prunes=method.prunes, then=method.then, look=look)
    record = answer(replace(asked, task=replace(asked.task, data=data), algorithm=spied))
    _expect(record.status == "ok", f"it ends as {record.status}: {record.error}")


def counts_its_cost(name: str) -> None:
    """Steps, operations and seconds are on the meter."""
    cost, steps = trial.record(name).cost, trial.question(name).task.recipe("full").steps
    _expect(cost.training_steps >= steps, f"only {cost.training_steps} training steps are counted")
    _expect(cost.training_flops > 0 and cost.seconds > 0 and cost.peak_bytes > 0, "a cost is zero")


ALGORITHM_RULES: list[Rule] = [
    is_documented,
    keeps_exactly_what_is_asked,
    gives_the_same_bits_again,
    equals_dense_training_at_density_one,
    leaves_no_trace_when_it_looks,
    cannot_reach_the_test_split,
    counts_its_cost,
]


def is_explained(name: str) -> None:
    """The first line of the docstring says what it is; every option says what it means."""
    _expect(bool(listing.find("task", name).summary), "neither the function nor the module has a docstring")
    _options_are_told(registry.family(name).options)


def has_every_budget(name: str) -> None:
    """smoke, short and full, each at least as long as the one before."""
    task = registry.task(name)
    for recipes in (task.recipes, *task.special.values()):
        _expect(list(recipes)[:3] == ["smoke", "short", "full"], f"its budgets are {', '.join(recipes)}")
        steps = [recipe.steps for recipe in recipes.values()]
        _expect(steps == sorted(steps), f"its budgets are not in order of length: {steps}")
    strange = ", ".join(task.special.keys() - task.models.keys())
    _expect(not strange, f"it has recipes of models that it has not: {strange}")


def splits_do_not_overlap(name: str) -> None:
    """Train, validation and test hold examples of their own (tensors are looked through), the same on every load."""
    task = registry.task(name)
    folder = DataFolders().locate(name, task)
    first, second = task.data(folder), task.data(folder)
    for split in ("train", "validation", "test"):
        data: Data = getattr(first, split)
        _expect(len(data) > 0, f"{split} is empty")
        _expect(data.digest == getattr(second, split).digest, f"{split} differs between two loads")
    digests = {getattr(first, split).digest for split in ("train", "validation", "test")}
    _expect(len(digests) == 3, "two splits hold the same examples")
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        _do_not_overlap(getattr(first, one), getattr(first, other), f"{one} and {other}")


def _do_not_overlap(one: Data, other: Data, names: str) -> None:
    """Real data hold a few examples twice; a hundredth of a split that stands in another is a mistake."""
    if not (isinstance(one, TensorData) and isinstance(other, TensorData)):
        return
    _expect(
        one.inputs.untyped_storage().data_ptr() != other.inputs.untyped_storage().data_ptr(), f"{names} share memory"
    )
    seen = {row.tobytes() for row in one.inputs.numpy()}
    shared = sum(row.tobytes() in seen for row in other.inputs.numpy())
    _expect(shared <= len(other) / 100, f"{names} share {shared} examples")


def models_can_be_pruned(name: str) -> None:
    """Every model is the same for the same seed, differs for another, and has gradients where it may be pruned."""
    task = registry.task(name)
    batch = task.data(DataFolders().locate(name, task)).train.batch(torch.arange(2))
    for model in task.models:
        network = build(task, model, 0)
        _expect(fingerprint(network) == fingerprint(build(task, model, 0)), f"{model} differs for the same seed")
        _expect(fingerprint(network) != fingerprint(build(task, model, 1)), f"{model} is the same for every seed")
        task.loss(network, batch).backward()  # type: ignore[no-untyped-call]
        prunable = {n: p for n, p in network.named_parameters() if n in task.prunable(network)}
        _expect(
            len(prunable) == len(task.prunable(network)) > 0, f"{model} has no prunable tensor, or names a wrong one"
        )
        for tensor, parameter in prunable.items():
            _expect(parameter.dim() >= 2, f"{model}: '{tensor}' is no weight matrix")
            _expect(parameter.grad is not None, f"{model}: '{tensor}' gets no gradient")


def trains_and_measures(name: str) -> None:
    """A smoke run of the default model ends well, with every metric that the task declares, the ranking one first.

    The other models have had their forward and backward pass in `models_can_be_pruned`: training each would take hours.
    """
    task = registry.task(name)
    folder, dense = DataFolders().locate(name, task), registry.algorithm("dense")
    model, *_ = task.models
    cell = Cell(algorithm="dense", task=name, model=model, sparsity=0, budget="smoke", seed=0)
    record = answer(Question(cell, dense, task, folder))
    _expect(record.status == "ok", f"{model}: dense training ends as {record.status}: {record.error}")
    _expect(list(record.metrics) == list(task.metrics), f"{model}: it measures {', '.join(record.metrics)}")


TASK_RULES: list[Rule] = [
    is_explained,
    has_every_budget,
    splits_do_not_overlap,
    models_can_be_pruned,
    trains_and_measures,
]


def _expect(fine: bool, problem: str) -> None:
    if not fine:
        raise Broken(problem)
