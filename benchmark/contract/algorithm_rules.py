"""The contract that every plug-in keeps, as rules that can be run: by `bench check NAME`, or by a plug-in's own tests.

@pytest.mark.parametrize("rule", ALGORITHM_RULES, ids=rule_name)
def test_contract(rule):
    rule("my-algorithm")
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import SkipTest

from benchmark.contract import trial
from benchmark.contract.finding import Broken, Rule, require
from benchmark.contract.watched_run import reaches
from benchmark.data.splits import Splits
from benchmark.harness.answer import answer
from benchmark.plugins import registry
from benchmark.plugins.options import Options
from benchmark.training.run import Run


def is_documented(name: str) -> None:
    """The first line of the docstring says what it is; every option says what it means."""
    algorithm = registry.algorithm(name)
    require(bool(algorithm.summary), "the function has no docstring")
    _options_are_told(algorithm.options)


def _options_are_told(options: Options) -> None:
    for option in options.values():
        require(bool(option.meaning), f"the docstring does not say what '{option.name}' means")


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
        require(fine, f"'{model}' at {pattern} ends as {record.status}: {record.error}")


def gives_the_same_bits_again(name: str) -> None:
    """The same cell in two fresh interpreters, with different hash seeds, has the same weights, masks and metrics."""
    command = [sys.executable, "-m", "benchmark.contract.trial", name]
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
        require(pipe.returncode == 0, f"it fails in a fresh process: {errors.strip().splitlines()[-1:]}")
    require(outcomes[0][0] == outcomes[1][0], "two fresh processes give different results for the same cell")


def equals_dense_training_at_density_one(name: str) -> None:
    """Allowed to keep every weight, a method that trains them once leaves dense training's bits."""
    if not registry.algorithm(name).trains_once:
        raise SkipTest(
            "it says trains_once=False: it trains the weights more than once, or otherwise than dense training does"
        )
    for model in trial.models(name):
        run, dense = trial.run(name, 1.0, model), trial.watched(1.0, model)
        dense.train()
        require(run.bits() == dense.bits(), f"at density 1 '{model}' has not the weights of dense training")


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
        require(not reaches(run, tests[0]), "the test split can be reached from the run")

    method = asked.algorithm
    spied = trial.ObservedAlgorithm(method.function, prunes=method.prunes, edits_only=method.edits_only, look=look)
    record = answer(replace(asked, task=replace(asked.task, data=data), algorithm=spied))
    require(record.status == "ok", f"it ends as {record.status}: {record.error}")


def counts_its_cost(name: str) -> None:
    """Steps, operations and seconds are on the meter."""
    cost, steps = trial.record(name).cost, trial.question(name).task.recipe("full").steps
    require(cost.training_steps >= steps, f"only {cost.training_steps} training steps are counted")
    require(cost.training_flops > 0 and cost.seconds > 0 and cost.peak_bytes > 0, "a cost is zero")


ALGORITHM_RULES: list[Rule] = [
    is_documented,
    keeps_exactly_what_is_asked,
    gives_the_same_bits_again,
    equals_dense_training_at_density_one,
    leaves_no_trace_when_it_looks,
    cannot_reach_the_test_split,
    counts_its_cost,
]
