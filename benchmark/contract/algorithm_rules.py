"""The rules that every algorithm follows. Each one takes the algorithm's name, and raises `Broken` with what is wrong.

Most of them run the algorithm on the toy tasks of `benchmark.contract.toy` and `toy_graph`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import SkipTest

from benchmark.contract import pace, trial
from benchmark.contract.finding import Broken, Rule, require, require_each
from benchmark.contract.watched_run import reaches
from benchmark.data.splits import Splits
from benchmark.harness.answer import answer
from benchmark.plugins import registry
from benchmark.plugins.options import Option, Options
from benchmark.plugins.sources import VARIABLE
from benchmark.training.run import Run


def is_documented(name: str) -> None:
    """The docstring has a first line that says what the algorithm is, and a line for every option."""
    algorithm = registry.algorithm(name)
    require(bool(algorithm.summary), "the function has no docstring", "begin it with what it is and whose, in one line")
    require_described(algorithm.options)


def require_described(options: Options) -> None:
    """Raise Broken if an option has no description in the docstring."""

    def described(option: Option) -> None:
        require(bool(option.meaning), f"the docstring does not say what '{option.name}' means", DESCRIBE)

    require_each(options.values(), described)


DESCRIBE = "give it a line, 'name: what it means', under 'Options:' in the docstring"


def keeps_exactly_what_is_asked(name: str) -> None:
    """The run passes the audit: exactly as many weights as asked are kept, and the others are zero after training.

    Every network is pruned globally, by layer and with 2:4; the first one also in blocks, channels and with constant
    fan-in. An algorithm may be inapplicable to any pattern except the global one, or the only one that it is for.
    """
    main: str = registry.algorithm(name).only or "global"

    def kept(case: tuple[str, str, float]) -> None:
        model, pattern, sparsity = case
        record = trial.record(name, pattern, sparsity, model)
        passed = record.status == "ok" or (record.status == "skipped" and pattern != main)
        if not passed:
            problem = f"'{model}' at {pattern} ends as {record.status}: {record.error}"
            audited = str(record.error).startswith("audit: ")  # anything else it raised itself
            raise Broken(problem, _again(name, case), *([KEEP] if audited else []))

    require_each(_cases(name, main), kept)


KEEP = "select with keep_top(scores, run.target), hand it to run.prune, and change no weights but by run.write"


def _cases(name: str, main: str) -> list[tuple[str, str, float]]:
    """Networks, patterns and sparsities to try a method on, the smallest network first."""
    weights, models = "weights" in registry.algorithm(name).prunes, trial.models(name)
    cases = [(model, main, 0.8 if weights else 0.2) for model in models]
    if weights and main == "global":
        several = models[:1] if pace.is_fast() else models
        cases += [(model, pattern, sparsity) for model in several for pattern, sparsity in PATTERNS]
        cases += [(models[0], pattern, 0.5) for pattern in ("blocks:2x2", "channels", "fan-in")]
    return cases


PATTERNS = (("layer", 0.8), ("2:4", 0.5))
"""The patterns that methods are tried on in addition to the global one, each with a sparsity."""


def _again(name: str, case: tuple[str, str, float]) -> str:
    """How to reproduce a failure in one process, for a debugger: with the shortest training that still fails."""
    model, pattern, sparsity = case
    fails_early = answer(trial.question(name, pattern, sparsity, model, "smoke")).status != "ok"
    words = f"{name!r}, {pattern!r}, {sparsity}, {model!r}" + (", 'smoke'" if fails_early else "")
    files = f"{VARIABLE}={os.environ[VARIABLE]} " if VARIABLE in os.environ else ""
    program = f"from benchmark.contract import trial; print(trial.record({words}).error)"
    return f'to see it again: {files}python -c "{program}"'


def gives_the_same_bits_again(name: str) -> None:
    """Two fresh interpreters with different hash seeds give the same weights, masks and metrics for the same cell.

    With `--fast`, only one, and this process.
    """
    seeds = ("1",) if pace.is_fast() else ("1", "2")
    pipes = [_fresh(name, seed) for seed in seeds]
    here = [trial.everything(name)] if pace.is_fast() else []
    outcomes = [pipe.communicate() for pipe in pipes]
    for pipe, (_, errors) in zip(pipes, outcomes, strict=True):
        require(pipe.returncode == 0, f"it fails in a fresh process: {errors.strip().splitlines()[-1:]}")
    results = {*here, *(printed.strip() for printed, _ in outcomes)}
    require(len(results) == 1, "two fresh processes give different results for the same cell", SAME)


SAME = "draw from run.rng alone, and let nothing depend on hash(), the order of a set, the time or the machine"


def _fresh(name: str, seed: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmark.contract.trial", name, *(["fast"] if pace.is_fast() else [])]
    where = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=where)


def equals_dense_training_at_density_one(name: str) -> None:
    """At density 1, a method that trains the weights once gives the same bits as dense training."""
    if not registry.algorithm(name).trains_once:
        raise SkipTest(
            "it says trains_once=False: it trains the weights more than once, or otherwise than dense training does"
        )

    def equals(model: str) -> None:
        run, dense = trial.run(name, 1.0, model), trial.dense(model)
        require(run.bits() == dense.bits(), f"at density 1 '{model}' has not the weights of dense training", ONCE)

    require_each(trial.models(name), equals)


ONCE = "end with run.train(), and train no more than that; a method that does otherwise says trains_once=False"


def leaves_no_trace_when_it_looks(name: str) -> None:
    """Scoring changes no parameters, buffers, gradients, global generators or training mode."""

    def traceless(model: str) -> None:
        for trace in trial.run(name, 0.2, model).traces:
            raise Broken(
                trace, f"seen on '{model}'; score with run.gradients, run.loss and their like, draw from run.rng"
            )

    require_each(trial.models(name), traceless)


def cannot_reach_the_test_split(name: str) -> None:
    """No chain of references leads from the run to the test data."""
    test_ids: list[int] = []
    reached: list[bool] = []
    question = trial.question(name)

    def data(folder: Path) -> Splits:
        splits = question.task.data(folder)
        test_ids.append(id(splits.test))
        return splits

    def look(run: Run) -> None:
        reached.append(reaches(run, test_ids[0]))

    method = registry.algorithm(name)
    observed = trial.ObservedAlgorithm(method.function, prunes=method.prunes, edits_only=method.edits_only, look=look)
    record = answer(replace(question, task=replace(question.task, data=data), algorithm=observed))
    require(not any(reached), "the test split can be reached from the run", "choose by run.evaluate('validation')")
    if record.status != "ok":
        raise SkipTest(f"its run does not come to its end, as above: {record.error}")


def counts_its_cost(name: str) -> None:
    """The record counts training steps, operations, seconds and memory."""
    cost, steps = trial.record(name).cost, trial.question(name).task.recipe(pace.budget()).steps
    counted = f"only {cost.training_steps} training steps are counted"
    require(cost.training_steps >= steps, counted, f"a recipe has {steps} here: end with run.train()")
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
