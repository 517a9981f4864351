"""A sweep whose processes are killed again and again, and that is started again until it is done, loses nothing.

`python -m tests.soak` does the same for longer.
"""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from benchmark.results.store import Store
from tests import soak
from tests.support.command import BENCH, bench_process
from tests.support.disturb import Contents, contents, disturb, kill_all


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return soak.undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.slow
@pytest.mark.parametrize("drivers", [1, 3])
def test_a_sweep_whose_processes_are_killed_loses_nothing(undisturbed: Contents, tmp_path: Path, drivers: int) -> None:
    killed = disturb([*soak.WORDS, tmp_path], 15, random.Random(drivers), drivers)
    assert killed.total() > 3  # it is done in a few seconds on a fast machine
    assert soak.wrong(contents(tmp_path), undisturbed) == {"lost": 0, "other": 0}


def test_a_lost_record_and_another_one_are_told() -> None:
    assert soak.wrong({"a": {}, "b": {"x": 1}, "d": {}}, {"a": {}, "b": {}, "c": {}}) == {"lost": 1, "other": 2}


@pytest.mark.slow
def test_what_was_trained_before_a_kill_is_not_trained_again(tmp_path: Path) -> None:
    """IMP, which is killed in the middle of its rounds, goes on with them; in the end no training is left."""
    words = ["run", "--algo", "imp", "--task", "digits", "--steps", "800", "--sparsity", "0.98", "--results"]
    results = tmp_path / "disturbed"
    with subprocess.Popen([BENCH, *words, results], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as bench:
        while len([*(results / "endings").rglob("*.whole")]) < 3:
            assert bench.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
        kill_all(bench)
    ended = bench_process(*words, results)
    assert ended.code == 0, ended.err
    assert bench_process(*words, tmp_path / "undisturbed").code == 0
    assert contents(results) == contents(tmp_path / "undisturbed")
    [record] = Store(results)
    assert record.provenance["shared_steps"] >= 2 * 800
    assert not (results / "endings").exists()
