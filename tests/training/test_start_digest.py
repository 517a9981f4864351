"""What a training is known by: everything that its steps depend on."""

from __future__ import annotations

import pytest
import torch

from benchmark import Run, Target, keep_top
from benchmark.scores import magnitude
from tests.support.runs import toy_run

pytestmark = pytest.mark.runs


def digest(run: Run, steps: int = 3) -> str:
    return run._state.engine.start_digest(steps, run._state.tamper_check.mark)


def trained() -> Run:
    run = toy_run(density=0.5)
    run.prune(keep_top(magnitude(run.weights), run.target))
    run.train(2)
    return run


def test_the_same_start_has_the_same_digest() -> None:
    assert digest(trained()) == digest(trained())


def test_a_change_of_anything_changes_it() -> None:
    run, found = trained(), list[str]()
    engine = run._state.engine
    changes = [
        lambda: None,
        lambda: setattr(engine, "clock", engine.clock + 1),
        lambda: run.write({name: torch.ones_like(weight) for name, weight in list(run.weights.items())[:1]}),
        lambda: engine.memory(next(iter(engine.parameters.values()))).update(momentum_buffer=torch.ones(1)),
        lambda: run.prune(keep_top(magnitude(run.weights), Target(0.2))),
    ]
    for change in changes:
        change()
        found.append(digest(run))
    found.append(digest(run, 4))
    assert len(set(found)) == len(found)
