"""`bench run --engine`: how the steps of a perceptron are made, and that records say so."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.training import sparse_steps
from tests.support.command import Bench, assert_one_clear_line
from tests.support.disturb import contents

SNIP = ("run", "--algo", "snip", "--task", "digits", "--budget", "smoke", "--sparsity", "0.5,0.9")

needs_numba = pytest.mark.skipif(
    not find_spec("numba"), reason="Numba is not installed: pip install 'prunebench[fast]'"
)


def by_sparsity(results: Path) -> dict[float, Record]:
    return {record.cell.sparsity: record for record in Store(results)}


def without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that has none; for this process alone."""
    for module in ("benchmark.training.sparse_training", "benchmark.harness.prepare", "benchmark.harness.rerun"):
        monkeypatch.setattr(f"{module}.available", lambda: False)


@needs_numba
@pytest.mark.runs
def test_records_say_how_steps_were_made_and_are_verified_in_the_same_way(bench: Bench, tmp_path: Path) -> None:
    modes = {}
    for engine in ("auto", "dense", "sparse"):
        results = tmp_path / engine
        assert bench(*SNIP, "--engine", engine, "--jobs", "1", "--results", results).code == 0
        found = by_sparsity(results)
        modes[engine] = [found[sparsity].provenance["steps"] for sparsity in (0.5, 0.9)]
        sparse = [record.provenance["steps"].startswith("sparse") for record in found.values()]
        assert ["numba" in record.provenance for record in found.values()] == sparse
        assert not any(record.notes for record in found.values()), "how its steps are made marks no row"
    assert modes == {
        "auto": ["plain", "sparse below 0.4"],
        "dense": ["plain", "plain"],
        "sparse": ["sparse below 1", "sparse below 1"],
    }
    for engine in modes:
        ended = bench("verify", "--all", "--results", tmp_path / engine)
        assert ended.code == 0, ended.err
        assert ended.err.count("bit-equal") == 2


@needs_numba
@pytest.mark.runs
def test_workers_and_this_process_give_the_same_bits(bench: Bench, tmp_path: Path) -> None:
    for jobs in ("0", "2"):
        assert bench(*SNIP, "--jobs", jobs, "--results", tmp_path / jobs).code == 0
    one, other = (
        {key: said["network_digest"] for key, said in contents(tmp_path / jobs).items()} for jobs in ("0", "2")
    )
    assert one == other


@pytest.mark.runs
def test_without_numba_steps_are_plain_and_the_record_says_nothing_else(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_numba(monkeypatch)
    assert bench(*SNIP, "--jobs", "0", "--results", tmp_path).code == 0
    assert {record.provenance["steps"] for record in Store(tmp_path)} == {"plain"}


def test_without_numba_sparse_steps_are_one_clear_line(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    without_numba(monkeypatch)
    ended = bench(*SNIP, "--engine", "sparse", "--jobs", "0")
    assert_one_clear_line(ended, 3, "--engine sparse needs Numba: pip install 'prunebench[fast]'")


@needs_numba
@pytest.mark.runs
def test_a_network_that_cannot_have_them_is_skipped_where_they_are_asked_for(bench: Bench, tmp_path: Path) -> None:
    ended = bench(*SNIP, "--model", "cnn", "--engine", "sparse", "--jobs", "0", "--results", tmp_path)
    assert ended.code == 0, "no run has failed"
    reasons = {record.error for record in Store(tmp_path)}
    assert reasons == {
        "sparse steps are for perceptrons: linear layers with biases, and ReLU between them; leave --engine out"
    }


@needs_numba
def test_what_goes_not_together_is_one_clear_line(bench: Bench) -> None:
    assert_one_clear_line(bench(*SNIP, "--engine", "sparse", "--nproc", "2"), 2, "--engine sparse is for one process")
    assert_one_clear_line(bench(*SNIP, "--engine", "sprase"), 2, "'sprase' is not one of 'auto', 'dense', 'sparse'")


@needs_numba
@pytest.mark.runs
def test_a_record_of_sparse_steps_is_not_verified_without_numba(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench(*SNIP, "--jobs", "0", "--results", tmp_path).code == 0
    without_numba(monkeypatch)
    ended = bench("verify", by_sparsity(tmp_path)[0.9].key[:12], "--results", tmp_path)
    assert ended.code == 3
    assert "its steps were sparse, which takes Numba: pip install 'prunebench[fast]'" in ended.err


def test_no_module_of_the_harness_imports_numba_before_it_is_needed() -> None:
    assert "numba" not in vars(sparse_steps)
