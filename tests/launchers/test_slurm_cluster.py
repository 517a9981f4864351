"""Sweeps through a real Slurm: `pytest -m slurm`. Whatever happens to jobs, the records are those of one machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.launchers.slurm_jobs import living, name_of
from benchmark.results.store import Store
from tests.launchers.cluster import absent, cluster
from tests.support.command import BENCH, bench_process
from tests.support.outside import plant
from tests.support.said import said

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        bool(absent()), reason=f"no {', '.join(absent())}: apt install slurmctld slurmd slurm-client munge"
    ),
]

MANY = ["run", "--algo", "dense,magnitude,snip", "--task", "digits", "--budget", "smoke", "--seeds", "4"]
LONG = ["run", "--algo", "imp", "--task", "digits", "--steps", "500", "--sparsity", "0.98"]
SLURM = ["--launcher", "slurm", "--slurm", "cpus_per_task=1"]


@pytest.fixture(scope="module", autouse=True)
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with cluster(tmp_path_factory.mktemp("slurm")) as configuration, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(configuration))
        yield


def told(results: Path) -> dict[str, dict[str, Any]]:
    """What all records of a folder say, by key. Every file is a whole record."""
    store = Store(results)
    records = {record.key: said(record) for record in store}
    assert store.problems == []
    return records


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], dict[str, dict[str, Any]]]:
    """What the records of a command say that runs here."""
    known: dict[str, dict[str, dict[str, Any]]] = {}

    def run(words: list[str]) -> dict[str, dict[str, Any]]:
        if str(words) not in known:
            results = tmp_path_factory.mktemp("local")
            assert bench_process(*words, "--results", results).code == 0
            known[str(words)] = told(results)
        return known[str(words)]

    return run


def start(words: list[str], results: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [BENCH, *words, *SLURM, "--results", results], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def wait_for(happened: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 300
    while not (found := happened()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return found


def rounds(results: Path) -> int:
    """How many trainings are kept."""
    return len([*(results / "endings").rglob("*.whole")])


def orders(results: Path) -> list[Path]:
    """The folders for which jobs were sent."""
    return [file.parent for file in results.glob("jobs/*/order.json")]


def processes(results: Path) -> list[int]:
    """The drivers that jobs run."""
    found = subprocess.run(["pgrep", "-f", f"__main__.py job {results}"], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def test_there_is_no_accounting() -> None:
    asked = subprocess.run(["sacct"], capture_output=True, text=True, check=False)
    assert "accounting storage is disabled" in asked.stdout + asked.stderr


def test_the_records_are_those_of_one_machine(local: Any, tmp_path: Path) -> None:
    ended = bench_process(*MANY, *SLURM, "--jobs", "2", "--results", tmp_path)
    assert ended.code == 0, ended.err
    assert "12 cells: 0 answered already, 12 to run in 2 jobs of Slurm" in ended.err
    assert len([line for line in ended.err.splitlines() if line.startswith("ok ")]) == 12
    assert told(tmp_path) == local(MANY)
    assert not (tmp_path / "endings").exists()
    again = bench_process(*MANY, *SLURM, "--results", tmp_path)
    assert again.code == 0
    assert "12 answered already, 0 to run" in again.err


def scancel(results: Path) -> None:
    subprocess.run(["scancel", f"--name={name_of(orders(results)[0])}"], check=True)


def kill(results: Path) -> None:
    for process in processes(results):
        os.kill(process, signal.SIGKILL)


def tell_to_stop(results: Path) -> None:
    """As Slurm does before the time of a job is over, and when another job takes its place."""
    subprocess.run(["scancel", "--signal=TERM", f"--name={name_of(orders(results)[0])}"], check=True)


@pytest.mark.parametrize("end", [scancel, kill, tell_to_stop])
def test_a_job_that_ends_in_mid_cell_is_replaced(local: Any, tmp_path: Path, end: Callable[[Path], None]) -> None:
    with start(LONG, tmp_path) as bench:
        wait_for(lambda: rounds(tmp_path) >= 3, "trainings")
        end(tmp_path)
        wait_for(lambda: not processes(tmp_path), "the end of the job")
        err = bench.communicate(timeout=300)[1]
    assert bench.returncode == 0, err
    assert err.count("1 job of Slurm as ") == 2
    assert told(tmp_path) == local(LONG)
    [record] = Store(tmp_path)
    assert record.provenance["shared_steps"] >= 2 * 500, "trainings that the first job has made"


def test_an_interrupt_cancels_the_jobs(tmp_path: Path) -> None:
    with start(LONG, tmp_path) as bench:
        wait_for(lambda: rounds(tmp_path) >= 1, "trainings")
        bench.send_signal(signal.SIGINT)
        err = bench.communicate(timeout=60)[1]
    assert bench.returncode == 130, err
    assert "0 of 1 cells are finished and kept" in err
    wait_for(lambda: living(orders(tmp_path)) == [], "the end of the jobs")


def test_a_driver_that_is_killed_leaves_its_jobs_to_the_next_one(local: Any, tmp_path: Path) -> None:
    with start(LONG, tmp_path) as bench:
        wait_for(lambda: rounds(tmp_path) >= 1, "trainings")
        bench.kill()
    assert living(orders(tmp_path))
    ended = bench_process(*LONG, *SLURM, "--results", tmp_path)
    assert ended.code == 0, ended.err
    assert " of Slurm as " not in ended.err, "it has sent no job"
    assert told(tmp_path) == local(LONG)


def test_a_cell_whose_worker_is_killed_twice_is_told_with_its_name(tmp_path: Path) -> None:
    body = "import os\nfrom benchmark import Run, algorithm\n\n@algorithm()\ndef killed(run: Run) -> None:\n"
    plant(
        tmp_path / "plugins",
        "algorithm",
        "killed",
        body + "    '''Killed (Nobody, 2026).'''\n    os.kill(os.getpid(), 9)\n",
    )
    words = ["run", "--algo", "killed,dense", "--task", "digits", "--budget", "smoke", *SLURM]
    ended = bench_process(*words, "--results", tmp_path / "results", PYTHONPATH=tmp_path / "plugins")
    assert ended.code == 1, ended.err
    [line] = [line for line in ended.err.splitlines() if line.startswith("failed ")]
    assert "killed" in line
    assert "the worker was killed by SIGKILL, twice" in line
    assert [record.cell.algorithm for record in Store(tmp_path / "results")] == ["dense"]


def test_jobs_that_cannot_begin_are_given_up(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    words = ["run", "--algo", "dense", "--task", "mnist", "--budget", "smoke", "--data-root", tmp_path / "data"]
    ended = bench_process(*words, *SLURM, "--results", tmp_path / "results")
    assert ended.code == 3
    assert "3 times all jobs have ended with nothing new for 1 cell, such as dense on mnist" in ended.err
    assert "data set 'mnist' is not in" in ended.err
    assert str(tmp_path / "results" / "jobs") in ended.err
