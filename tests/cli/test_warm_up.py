"""What the workers' server imports before it forks."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from benchmark import machine
from benchmark.cli.launching import Place
from benchmark.results.spelling import choices
from benchmark.results.store import Store
from benchmark.sweep import fork_server
from benchmark.sweep.plan import Selection

sweeping, experiment = import_module("benchmark.cli.sweeping"), import_module("benchmark.cli.experiment")


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    started: list[list[str]] = []
    monkeypatch.setattr(fork_server, "start", lambda modules, copy: started.append(list(modules)))
    return started


def test_tasks_are_imported_once_for_all_workers_and_no_algorithm_is(
    imported: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "find_spec", lambda name: None)
    sweeping.warm_up(choices(["dense,imp:rewind=0.1", "cora"]), "cpu")
    assert imported == [["benchmark.tasks.nodes.planetoid"]]


def test_sparse_steps_are_compiled_once_for_all_workers(
    imported: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "find_spec", lambda name: name == "numba")
    sweeping.warm_up(choices(["dense", "digits"]), "cpu")
    assert imported == [["benchmark.tasks.images.digits", "benchmark.training.sparse_kernels"]]


def test_workers_that_may_use_a_gpu_import_them_after_the_fork(imported: list[list[str]]) -> None:
    """torch-geometric starts CUDA as it is imported, and CUDA that runs before a fork cannot be used after it."""
    sweeping.warm_up(choices(["dense", "cora"]), "cuda:0")
    assert imported == [[]]


def test_no_server_is_started_for_unknown_names(imported: list[list[str]]) -> None:
    sweeping.warm_up(choices(["dense", "coora"]), "cpu")
    assert imported == []


@pytest.mark.parametrize(("jobs", "expected"), [(2, [["benchmark.tasks.images.digits"]]), (0, [])])
def test_so_are_those_of_an_experiment_unless_it_runs_in_this_process(
    imported: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, jobs: int, expected: list[list[str]]
) -> None:
    monkeypatch.setattr(fork_server, "find_spec", lambda name: None)
    monkeypatch.setattr(experiment, "sweep", lambda *cells: [])
    with experiment.Asking(Store(tmp_path), jobs, "cpu", Place(), "missing", False, None, "table") as asking:
        assert asking.answer(Selection(choices(["dense"]), choices(["digits"]), "smoke", [0])) == []
    assert imported == expected


@pytest.mark.parametrize(
    ("device", "driver", "expected"),
    [("cpu", True, False), ("auto", False, False), ("auto", True, True), ("cuda", False, True)],
)
def test_auto_may_be_cuda_only_with_a_driver(
    device: str, driver: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.Path, "exists", lambda path: driver)
    assert machine.may_be_cuda(device) is expected
