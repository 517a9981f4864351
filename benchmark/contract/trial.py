"""Methods tried on the toy tasks: what the contract looks at, and where `bench info` learns what a method costs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmark.contract.toy import toy
from benchmark.contract.watched_run import WatchedRun
from benchmark.harness.answer import answer
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.pruning.target import Target
from benchmark.records.cell import Cell
from benchmark.records.record import Record
from benchmark.training.run import Run
from benchmark.training.run_state import RunState
from benchmark.training.task import Task


def record(
    name: str, pattern: str = "global", sparsity: float = 0.8, model: str = "", budget: str = "full", **options: Any
) -> Record:
    """The record of a method, at its default options but for those given."""
    return answer(question(name, pattern, sparsity, model, budget, **options))


def question(
    name: str, pattern: str = "global", sparsity: float = 0.8, model: str = "", budget: str = "full", **options: Any
) -> Question:
    """What such a record answers; a method that prunes nothing is asked for nothing."""
    algorithm, model = registry.algorithm(name), model or models(name)[0]
    if not algorithm.prunes:
        pattern, sparsity = "global", 0.0
    cell = Cell(
        algorithm=name,
        options=algorithm.resolve(options),
        task="toy",
        model=model,
        pattern=pattern,
        sparsity=sparsity,
        budget=budget,
        seed=0,
    )
    return Question(cell, algorithm, _task(model))


def run(name: str, density: float, model: str = "") -> WatchedRun:
    """The run of a method, after it has returned."""
    algorithm, tried = registry.algorithm(name), watched(density, model or models(name)[0])
    with torch.random.fork_rng(devices=[]):
        tried.begin()
        algorithm(tried, **algorithm.resolve({}))
        tried.finish()
    return tried


def watched(density: float, model: str) -> WatchedRun:
    """A run that is watched, before any method has had it."""
    task = _task(model)
    network, data = build(task, model, 0), task.data(Path()).train
    recipe, target = task.recipe("full"), Target(density)
    return WatchedRun(RunState(task, network, recipe, target, data, 0, draw=lambda _: build(task, model, 1)))


def models(name: str) -> list[str]:
    """The toy networks that a method can prune: what prunes edges needs the one that has a graph."""
    method = registry.algorithm(name)
    return ["graph"] if "edges" in method.prunes | method.needs else [*toy.models, "graph"]


def _task(model: str) -> Task:
    if model != "graph":
        return toy
    from benchmark.contract.toy_graph import graph

    return graph


@dataclass(frozen=True)
class ObservedAlgorithm(Algorithm):
    """A method whose run is looked at before and after."""

    look: Callable[[Run], None] = lambda run: None

    def __call__(self, run: Run, **options: Any) -> None:
        self.look(run)
        super().__call__(run, **options)
        self.look(run)


if __name__ == "__main__":  # a fresh process of the rule that the same cell gives the same bits again
    torch.set_num_threads(1)
    again = record(sys.argv[1])
    print(again.status, again.mask_digest, again.metrics, run(sys.argv[1], 0.2).everything())
