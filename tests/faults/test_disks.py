"""Disks that are full, and results folders that vanish: one clear line, and what was finished is kept."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.harness.question import Settings, Unloaded
from benchmark.results.cell import Cell
from benchmark.results.store import Store
from benchmark.sweep.channel import Channel
from benchmark.sweep.endings import Endings
from benchmark.sweep.worker import Task, work
from benchmark.training.shared_trainings import origin_folder
from tests.support.command import BENCH, Ended, assert_one_clear_line, bench_process

pytestmark = pytest.mark.runs

WORDS = ("run", "--algo", "magnitude,snip", "--task", "digits", "--budget", "smoke", "--sparsity", "0.5,0.6,0.7,0.8")
WORDS += ("--jobs", "2", "--results")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 600 kilobytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], capture_output=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("mount"), reason="there is no mount")
def test_a_full_disk_ends_the_sweep_in_a_line_and_keeps_what_is_finished(disk: Path, tmp_path: Path) -> None:
    full = bench_process(*WORDS, disk / "results", "--seeds", "9")
    assert_one_clear_line(full, 3, "No space left on device", "cells are finished and kept")
    kept = {record.key: record for record in Store(disk / "results")}
    told = int(full.err.rpartition("; ")[2].split()[0])
    assert told <= len(kept) <= told + 2, "one that the referee was writing is kept, too"
    assert not [*(disk / "results" / "leases").iterdir()], "nothing is held by nobody"
    shutil.copytree(disk / "results", tmp_path / "results")
    again = bench_process(*WORDS, tmp_path / "results")
    assert again.code == 0, again.err
    assert {key: record.model_dump() for key, record in kept.items()}.items() <= {
        record.key: record.model_dump() for record in Store(tmp_path / "results")
    }.items()


def sweep_whose_folder_moves(results: Path, to: Path) -> Ended:
    """A sweep whose results folder gets another name when it has a few records."""
    words = [BENCH, *WORDS, results, "--seeds", "20"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        while len([*(results / "records").rglob("*.json")]) < 3:
            assert bench.poll() is None, "it ended before its folder could move"
            time.sleep(0.05)
        results.rename(to)
        out, err = bench.communicate(timeout=120)
    return Ended(bench.returncode, out, err)


@pytest.mark.slow
def test_a_results_folder_that_vanishes_is_not_begun_anew(tmp_path: Path) -> None:
    ended = sweep_whose_folder_moves(tmp_path / "results", tmp_path / "elsewhere")
    assert_one_clear_line(ended, 3, "a record cannot be written to", "No such file or directory")
    assert not (tmp_path / "results").exists()
    store = Store(tmp_path / "elsewhere")
    assert len([*store]) >= 3
    assert store.problems == []


def test_a_worker_whose_log_cannot_be_opened_says_so_in_a_message(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cell = Cell(algorithm="dense", task="digits", model="mlp", sparsity=0.0, budget="smoke", seed=0, options={})
    method = Unloaded("dense", frozenset(), frozenset())
    gone = tmp_path / "gone" / "log"
    task = Task(cell, method, Settings({}), room=tmp_path, folder=tmp_path, shared=tmp_path, log=gone)
    context = multiprocessing.get_context("spawn")  # a child that prints where this process does
    ours, theirs = context.Pipe()
    worker = context.Process(target=work, args=(task, theirs))
    worker.start()
    theirs.close()
    message = Channel(ours).receive()
    worker.join()
    assert "No such file or directory" in message["failed"]
    assert worker.exitcode == 0
    assert capfd.readouterr().err == ""


def test_nor_is_it_for_the_trainings_of_a_sweep(tmp_path: Path) -> None:
    assert origin_folder(tmp_path / "endings", "prunebench").is_dir()
    with pytest.raises(FileNotFoundError):
        origin_folder(tmp_path / "results" / "endings", "prunebench")
    assert not (tmp_path / "results").exists()


def test_nor_for_what_is_written_down_of_them(tmp_path: Path) -> None:
    results, place = tmp_path / "results", ("prunebench", "a training")
    ledger = Endings[str](results / "endings" / "ledger")
    for digest in ("before", "after"):
        ledger.claim("worker", place)
        ledger.made("worker", place, digest, steps=1)
        assert not results.exists()
    results.mkdir()
    ledger.made("worker", place, "there", steps=2)
    assert len([*(results / "endings" / "ledger").iterdir()]) == 1


def test_a_folder_in_the_place_of_another_is_not_written_to(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    store.check()
    (tmp_path / "results").rename(tmp_path / "elsewhere")
    (tmp_path / "results").mkdir()
    [record, *_] = Store(Path("results"))
    with pytest.raises(OSError, match="not the folder that it was"):
        store.put(record)
    assert not [*(tmp_path / "results").iterdir()]
