"""A sweep whose processes are killed again and again, and that is started again until it is done, loses nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmark.records.store import Store
from tests.support.command import BENCH, bench_process
from tests.support.said import said

WORDS = ["run", "--algo", "dense,magnitude,snip,imp:fraction=0.5", "--task", "digits", "--budget", "smoke"]
WORDS += ["--seeds", "5", "--jobs", "2", "--results"]

CELLS = 20


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have started."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(folder.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def disturb(results: Path, kills: int, draw: random.Random) -> int:
    """Run the sweep, and kill one of its processes after a random time, so many times. Then run it to its end.

    Returns:
        How often a process was killed: fewer times if the sweep was done before.
    """
    done = 0
    while done < kills:
        with subprocess.Popen([BENCH, *WORDS, results], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as bench:
            while bench.poll() is None and done < kills:
                time.sleep(draw.uniform(0.2, 2.5))
                if bench.poll() is None:
                    with suppress(ProcessLookupError):
                        os.kill(draw.choice(descendants(bench.pid)), signal.SIGKILL)
                        done += 1
            if done == kills:
                bench.kill()
        if bench.returncode == 0:
            break
    for _ in range(3):  # a worker that was killed twice leaves no record; the next run tries again
        ended = bench_process(*WORDS, results)
    assert ended.code == 0, ended.err
    assert ended.err.startswith(f"{CELLS} cells: {CELLS} answered already, 0 to run")
    return done


def sweep(results: Path) -> dict[str, dict[str, Any]]:
    """The content of all records, by key. Every file of the folder is a whole record."""
    store = Store(results)
    records = {record.key: said(record) for record in store}
    assert store.problems == []
    return records


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    results = tmp_path_factory.mktemp("undisturbed")
    assert bench_process(*WORDS, results).code == 0
    found = sweep(results)
    assert len(found) == CELLS
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_sweep_whose_processes_are_killed_loses_nothing(
    undisturbed: dict[str, dict[str, Any]], tmp_path: Path, seed: int
) -> None:
    disturb(tmp_path / "results", 12, random.Random(seed))
    assert sweep(tmp_path / "results") == undisturbed
