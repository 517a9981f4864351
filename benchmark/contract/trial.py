"""Runs methods on the toy tasks, for the contract and for the cost that `bench info` shows.

As a program, `python -m benchmark.contract.trial NAME [fast]`, it prints everything that must be the same in every
process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmark.contract import pace
from benchmark.contract.toy import toy
from benchmark.contract.toy_stream import toy_stream
from benchmark.contract.watched_run import WatchedRun
from benchmark.harness.answer import answer
from benchmark.harness.found import MaskFile
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.pruning.masks import Masks
from benchmark.pruning.pattern_names import pattern_named
from benchmark.pruning.structured import Channels
from benchmark.pruning.target import Target, keep_top
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.training.channel_tracing import trace
from benchmark.training.run import Run
from benchmark.training.run_state import RunState
from benchmark.training.task import Task

SOURCE = "0" * 64
"""The key of the record whose masks methods are told to use; see `Largest`."""


@dataclass(frozen=True)
class Largest(MaskFile):
    """Masks of the largest initial weights, which stand for those of a record."""

    model: str
    target: Target

    def masks(self) -> Masks:
        task = _task(self.model)
        network = build(task, self.model, 0)
        weights = dict(network.named_parameters())
        return keep_top({name: weights[name].detach().abs() for name in task.prunable(network)}, self.target)


def record(
    name: str, pattern: str = "", sparsity: float = 0.8, model: str = "", budget: str = "", **options: Any
) -> Record:
    """The record of a method on a toy task, with its default options except those given.

    Args:
        pattern: the method's only one by default, and otherwise the global one.
        budget: by default `full`, or the one that `bench check --fast` uses.
    """
    return answer(question(name, pattern, sparsity, model, budget, **options))


def question(
    name: str, pattern: str = "", sparsity: float = 0.8, model: str = "", budget: str = "", **options: Any
) -> Question:
    """The question that such a record answers. For a method that prunes nothing, the sparsity is 0."""
    algorithm, model = registry.algorithm(name), model or models(name)[0]
    pattern = pattern or algorithm.only or "global"
    if not algorithm.prunes:
        pattern, sparsity = "global", 0.0
    cell = Cell(
        algorithm=name,
        options=algorithm.resolve(dict.fromkeys(algorithm.keys, SOURCE) | options),
        task="toy",
        model=model,
        pattern=pattern,
        sparsity=sparsity,
        budget=budget or pace.budget(),
        seed=0,
    )
    found = {SOURCE: _largest(model, pattern, cell.density)} if algorithm.keys else {}
    return Question(cell, algorithm, _task(model), found=found)


def run(name: str, density: float, model: str = "") -> WatchedRun:
    """Call a method on a watched run, and return the run."""
    algorithm = registry.algorithm(name)
    watched_run = watched(density, model or models(name)[0], algorithm.only or "global")
    with torch.random.fork_rng(devices=[]):
        watched_run.begin()
        algorithm(watched_run, **algorithm.resolve(dict.fromkeys(algorithm.keys, SOURCE)))
        watched_run.finish()
    return watched_run


def watched(density: float, model: str, pattern: str = "global") -> WatchedRun:
    """A new watched run, which no method has been called on."""
    task = _task(model)
    network, splits = build(task, model, 0), task.data(Path())
    recipe, largest = task.recipe(pace.budget()), _largest(model, pattern, density)
    state = RunState(
        task,
        network,
        recipe,
        largest.target,
        splits.train,
        0,
        draw=lambda _: build(task, model, 1),
        validation=splits.validation,
        found=lambda key: largest.masks(),
    )
    return WatchedRun(state)


def dense(model: str) -> WatchedRun:
    """The run of dense training of a network."""
    watched_run = watched(1.0, model)
    watched_run.train()
    return watched_run


def _largest(model: str, pattern: str, density: float) -> Largest:
    """Masks of a network, and the target that they meet."""
    task, chosen = _task(model), pattern_named(pattern)
    if isinstance(chosen, Channels):
        chosen = trace(build(task, model, 0), task, task.data(Path()).train.batch(torch.arange(2)))
    return Largest(Path(), "", model, Target(density, chosen))


def models(name: str) -> list[str]:
    """The toy networks that a method can prune.

    One that prunes or needs edges has the graph network only; one that needs a stream has its perceptron; one for
    channels alone has the residual one, where all of them have norm layers.
    """
    method = registry.algorithm(name)
    if "streams" in method.needs:
        return ["stream"]
    if method.only:
        return ["residual"]
    return ["graph"] if "edges" in method.prunes | method.needs else [*toy.models, "graph"]


def _task(model: str) -> Task:
    if model == "stream":
        return toy_stream
    if model != "graph":
        return toy
    from benchmark.contract.toy_graph import graph

    return graph


@dataclass(frozen=True)
class ObservedAlgorithm(Algorithm):
    """A method that calls `look` with its run before and after it prunes."""

    look: Callable[[Run], None] = lambda run: None

    def __call__(self, run: Run, **options: Any) -> None:
        self.look(run)
        super().__call__(run, **options)
        self.look(run)


def everything(name: str) -> str:
    """What must be the same in every process: how a run ends, its masks, metrics and weights."""
    result = record(name)
    return f"{result.status} {result.mask_digest} {result.metrics} {run(name, 0.2).everything()}"


if __name__ == "__main__":  # started by the rule `gives_the_same_bits_again`
    torch.set_num_threads(1)
    with pace.hurried("fast" in sys.argv[2:]):
        print(everything(sys.argv[1]))
