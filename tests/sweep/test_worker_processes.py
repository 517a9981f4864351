"""Workers that go on to further cells give the bits of those that end with their first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.results.cell import Cell
from benchmark.results.store import Store
from benchmark.sweep import worker_processes
from benchmark.sweep.worker_processes import WorkerProcess, WorkerProcesses, _built_in
from tests.support.command import Bench
from tests.support.disturb import contents
from tests.support.outside import plant

pytestmark = pytest.mark.runs

SMOKE = ("--budget", "smoke", "--jobs", "1")
DIGITS = ("--task", "digits", *SMOKE)
SEVERAL = (*DIGITS, "--algo", "dense,snip,imp,granet,set", "--sparsity", "0.5,0.9")
OUTSIDE = """
    from benchmark import Run, algorithm

    @algorithm()
    def mine(run: Run) -> None:
        run.train()
"""
GRAPHS = ("--task", "planted-partition", *SMOKE, "--algo", "random-edges,gdc,ugs", "--sparsity", "0.2")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[WorkerProcess]:
    """The processes that are started from here on."""
    processes: list[WorkerProcess] = []

    def counted(*arguments: Any) -> WorkerProcess:
        processes.append(WorkerProcess(*arguments))
        return processes[-1]

    monkeypatch.setattr(worker_processes, "WorkerProcess", counted)
    return processes


@pytest.mark.slow
@pytest.mark.parametrize("words", [SEVERAL, GRAPHS], ids=["weights", "edges"])
def test_one_process_answers_all_cells_of_a_task_as_one_for_each_does(
    bench: Bench, tmp_path: Path, begun: list[WorkerProcess], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    assert bench("run", *words, "--results", tmp_path / "kept").code == 0
    [worker] = begun
    assert worker.cells == len(contents(tmp_path / "kept"))
    assert not worker.process.is_alive()
    monkeypatch.setattr(worker_processes, "MOST", 1)
    assert bench("run", *words, "--results", tmp_path / "cold").code == 0
    assert len(begun) == 1 + worker.cells
    assert contents(tmp_path / "kept") == contents(tmp_path / "cold")


def test_code_from_outside_gets_a_process_of_its_own(tmp_path: Path, known: Callable[[Path], None]) -> None:
    plant(tmp_path, "algorithm", "mine", OUTSIDE)
    known(tmp_path)
    cell = Cell(algorithm="dense", task="digits", model="mlp", sparsity=0.0, budget="smoke", seed=0, options={})
    assert _built_in(cell)
    assert not _built_in(cell.model_copy(update={"algorithm": "mine"}))


@pytest.mark.parametrize(("waiting", "cells"), [(2, [2, 2]), (1, [1, 1, 1, 1])])
def test_tasks_that_alternate_have_a_process_each_if_so_many_may_wait(
    bench: Bench,
    tmp_path: Path,
    begun: list[WorkerProcess],
    monkeypatch: pytest.MonkeyPatch,
    waiting: int,
    cells: list[int],
) -> None:
    monkeypatch.setattr(worker_processes, "WAITING", waiting)
    words = ("--algo", "dense", "--task", "digits,digits-noisy", *SMOKE, "--seeds", "2")
    assert bench("run", *words, "--results", tmp_path).code == 0
    assert [worker.cells for worker in begun] == cells


def test_a_process_ends_after_so_many_cells(
    bench: Bench, tmp_path: Path, begun: list[WorkerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_processes, "MOST", 2)
    assert bench("run", *DIGITS, "--algo", "dense", "--seeds", "3", "--results", tmp_path).code == 0
    assert [worker.cells for worker in begun] == [2, 1]


def test_one_that_died_while_it_waited_is_replaced(
    bench: Bench, tmp_path: Path, begun: list[WorkerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = WorkerProcesses.release

    def killed(self: WorkerProcesses, worker: WorkerProcess) -> None:
        release(self, worker)
        worker.process.kill()
        worker.process.join()

    monkeypatch.setattr(WorkerProcesses, "release", killed)
    assert bench("run", *DIGITS, "--algo", "dense", "--seeds", "3", "--results", tmp_path).code == 0
    assert len(begun) == 3
    assert {record.status for record in Store(tmp_path)} == {"ok"}


def test_what_fails_in_a_process_that_is_not_new_is_tried_in_a_new_one(
    bench: Bench, tmp_path: Path, begun: list[WorkerProcess]
) -> None:
    wrong = "acdc:warmup=0.9,settle=0.1"
    ended = bench("run", *DIGITS, "--algo", f"dense,{wrong}", "--sparsity", "0.9", "--results", tmp_path)
    assert ended.code == 1
    assert len(begun) == 2
    [error] = [record.error for record in Store(tmp_path) if record.status == "failed"]
    assert "must not lie before warmup" in error
