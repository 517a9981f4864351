"""What the workers' server imports before it forks."""

from __future__ import annotations

from importlib import import_module

import pytest

from benchmark import machine
from benchmark.sweep import fork_server

sweeping = import_module("benchmark.cli.sweeping")


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    started: list[list[str]] = []
    monkeypatch.setattr(fork_server, "start", lambda modules, copy: started.append(list(modules)))
    return started


def test_tasks_are_imported_once_for_all_workers_and_no_algorithm_is(
    imported: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "find_spec", lambda name: None)
    sweeping.warm_up(["dense,imp:rewind=0.1", "cora"], "cpu")
    assert imported == [["benchmark.tasks.nodes.planetoid"]]


def test_sparse_steps_are_compiled_once_for_all_workers(
    imported: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "find_spec", lambda name: name == "numba")
    sweeping.warm_up(["dense", "digits"], "cpu")
    assert imported == [["benchmark.tasks.images.digits", "benchmark.training.sparse_kernels"]]


def test_workers_that_may_use_a_gpu_import_them_after_the_fork(imported: list[list[str]]) -> None:
    """torch-geometric starts CUDA as it is imported, and CUDA that runs before a fork cannot be used after it."""
    sweeping.warm_up(["dense", "cora"], "cuda:0")
    assert imported == [[]]


def test_no_server_is_started_for_unknown_names(imported: list[list[str]]) -> None:
    sweeping.warm_up(["dense", "coora"], "cpu")
    assert imported == []


@pytest.mark.parametrize(
    ("device", "driver", "expected"),
    [("cpu", True, False), ("auto", False, False), ("auto", True, True), ("cuda", False, True)],
)
def test_auto_may_be_cuda_only_with_a_driver(
    device: str, driver: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.Path, "exists", lambda path: driver)
    assert machine.may_be_cuda(device) is expected
