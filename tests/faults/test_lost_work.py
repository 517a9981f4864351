"""How much work a kill costs: what was trained since the training last left where it is."""

from __future__ import annotations

import random
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.harness.answer import answer
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.training import shared_trainings
from benchmark.training.engine import Engine
from benchmark.training.shared_trainings import LocalLedger, Sharing
from tests.support.said import said

STEPS, ROUNDS = 4000, 20

STEP = 0.005
"""Seconds that a step takes by the clock of these tests."""


class Killed(BaseException):
    """The process is gone, whatever the code in it catches."""


def imp(sharing: Sharing) -> Record:
    method, task = registry.algorithm("imp"), registry.task("digits")
    options = method.resolve({})
    cell = Cell(
        algorithm="imp",
        options=options,
        task="digits",
        model="mlp",
        sparsity=round(1 - 0.8**ROUNDS, 6),
        budget=f"{STEPS}-steps",
        seed=0,
    )
    return answer(Question(cell, method, task, sharing=sharing))


@pytest.mark.slow
def test_of_twenty_rounds_that_are_killed_ten_times_a_tenth_is_made_twice_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, real = 0, Engine.advance
    deaths = sorted(random.Random(0).sample(range(STEPS * (ROUNDS + 1)), 10))

    def advance(self: Engine) -> None:
        nonlocal made
        if deaths and made == deaths[0]:
            deaths.pop(0)
            raise Killed
        made += 1
        real(self)

    clock = SimpleNamespace(monotonic=lambda: made * STEP, perf_counter=time.perf_counter)
    monkeypatch.setattr(shared_trainings, "time", clock)
    undisturbed = imp(Sharing(tmp_path, LocalLedger()))
    monkeypatch.setattr(Engine, "advance", advance)
    sharing = Sharing(tmp_path / "disturbed", LocalLedger())
    sharing.folder.mkdir()
    while deaths:
        with pytest.raises(Killed):
            imp(sharing)
    assert said(imp(sharing)) == said(undisturbed)
    assert made <= 1.1 * undisturbed.cost.training_steps
