"""The launcher `slurm` without a Slurm: what users say, what jobs read, and jobs that are processes of this machine."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import PluginError, UsageError
from benchmark.harness.question import Settings
from benchmark.launchers import slurm, slurm_jobs
from benchmark.launchers.job import Job, cores_of
from benchmark.launchers.local import Local
from benchmark.launchers.order import Order, lost
from benchmark.launchers.slurm import Slurm
from benchmark.launchers.slurm_jobs import State, living
from benchmark.launchers.slurm_parameters import parameters
from benchmark.results.record import Ranking, Record, failure
from benchmark.results.store import Store
from benchmark.sweep.started import Limits
from benchmark.sweep.work import Work
from tests.launchers import fake_slurm
from tests.support.command import Bench, assert_one_clear_line
from tests.support.generated import cell, ran
from tests.support.said import said

CELLS = [cell("imp", seed) for seed in range(3)]
FAILED = failure(CELLS[0], Ranking(metric="score", direction="max"), "failed", "killed twice")

# --- what users say ---------------------------------------------------------------------------------------------------


def test_parameters_have_the_names_of_submitit_and_of_sbatch() -> None:
    given = parameters(["partition=gpu", "time=600", "slurm_gpus-per-node=2", "exclusive=true", "reservation=mine"])
    assert given["partition"] == "gpu"
    assert (given["time"], given["gpus_per_node"], given["exclusive"]) == (600, 2, True)
    assert given["additional_parameters"] == {"reservation": "mine", "signal": "TERM@60"}
    assert "reservation" not in given


def test_a_job_has_the_time_of_its_partition_and_cores_for_its_step() -> None:
    given = parameters(["cpus_per_task=4", "signal_delay_s=120", "time=1-00:00:00", "setup=module load a", "setup=b"])
    assert given["srun_args"] == ["--cpus-per-task=4"]
    assert given["additional_parameters"] == {"signal": "TERM@120"}
    assert given["time"] == "1-00:00:00"
    assert given["setup"] == ["module load a", "b"]
    assert parameters([])["time"] is None, "not the five minutes of submitit"


@pytest.mark.parametrize("word", ["partition", "=gpu", "partition=", ""])
def test_a_parameter_is_a_key_and_a_value(word: str) -> None:
    with pytest.raises(UsageError, match="--slurm takes KEY=VALUE"):
        parameters([word])


@pytest.mark.parametrize(
    ("word", "near"), [("partion=gpu", "partition"), ("cpus_per_tsak=4", "cpus_per_task"), ("tme=1", "time")]
)
def test_an_unknown_parameter_is_told_with_the_nearest_name(word: str, near: str) -> None:
    with pytest.raises(UsageError, match=rf"no parameter of Slurm named .* Did you mean '{near}'\?"):
        parameters([word])


@pytest.mark.parametrize("name", ["job_name", "srun_args", "additional_parameters"])
def test_what_the_launcher_sets_itself_is_not_for_users(name: str) -> None:
    with pytest.raises(UsageError, match=f"no parameter of Slurm named '{name}'"):
        parameters([f"{name}=x"])


WORDS = ("run", "--algo", "dense", "--task", "digits", "--budget", "smoke", "--dry-run")


def test_without_submitit_one_line_says_what_to_install(
    own: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    ended = bench(*WORDS, "--launcher", "slurm")
    assert_one_clear_line(ended, 3, "--launcher slurm needs submitit: pip install 'prunebench[slurm]'")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--slurm", "time=5"], "give --launcher slurm with it"),
        (["--launcher", "slurm", "--jobs", "0"], "leave out --launcher slurm for that"),
        (["--launcher", "slurm", "--slurm", "tme=5"], "Did you mean 'time'?"),
    ],
)
def test_words_that_go_not_together_are_one_clear_line(own: Store, bench: Bench, words: list[str], said: str) -> None:
    assert_one_clear_line(bench(*WORDS, *words), 2, said)


def test_a_dry_run_says_how_many_jobs_there_would_be(own: Store, bench: Bench) -> None:
    ended = bench(*WORDS, "--seeds", "12", "--launcher", "slurm", "--device", "cuda:3")
    assert "12 to run in 8 jobs of Slurm" in ended.err, "the device is one of their machines"
    assert "3 to run in 2 jobs of Slurm" in bench(*WORDS, "--seeds", "3", "--launcher", "slurm", "--jobs", "2").err
    assert "1 to run in 1 job of Slurm" in bench(*WORDS, "--launcher", "slurm").err


@pytest.mark.parametrize("verb", ["run", "experiment"])
def test_what_runs_cells_takes_a_launcher(bench: Bench, verb: str) -> None:
    assert "--launcher" in bench(verb, "-h").out
    assert "--slurm KEY=VALUE" in bench(verb, "-h").out


def test_a_job_is_no_verb_for_people(bench: Bench) -> None:
    assert " job " not in bench("--help").out


# --- what jobs read ---------------------------------------------------------------------------------------------------


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(
        CELLS, Settings({}, processes=2), Store(tmp_path), lambda record: None, limits=Limits(60.0, 5.0, failures=2)
    )


def test_an_order_is_the_same_when_it_is_read(work: Work, tmp_path: Path) -> None:
    work.store.put(ran(CELLS[1], 0.5))
    order = Order.of(work, "auto", Path("data"))
    order.write(tmp_path / "jobs" / "a")
    read = Order.read(tmp_path / "jobs" / "a")
    assert read == order
    assert [*read.cells] == CELLS
    assert read.processes == 2
    assert read.data_root == Path("data").resolve(), "jobs may begin in another folder"
    assert read.limits == Limits(60.0, 5.0), "failures are counted by the process that waits"
    assert [cell for cell in CELLS if read.since(work.store).record(cell)] == []


@pytest.mark.parametrize("content", [None, "", "[]", '{"device": "cpu"}', '{"cells": [{"algorithm": "../x"}]}'])
def test_what_is_no_order_is_one_clear_line(bench: Bench, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "order.json").write_text(content)
    assert_one_clear_line(bench("job", tmp_path), 2, "no cells to answer can be read from", "order.json")


def test_a_job_leaves_what_others_answer_and_keeps_what_has_no_record(work: Work) -> None:
    told: list[Record] = []
    order = Order.of(work, "cpu", None)

    class Others(Local):
        def answer(self, work: Work) -> None:
            work.store.put(ran(CELLS[1], 0.5))
            work.done(ran(CELLS[1], 0.5))
            work.done(FAILED)
            work.progress([], 0)
            work.progress([], 1)
            pytest.fail("it waits for others")

    Job(Others("cpu", 1), order).answer(replace(work, done=told.append))
    assert told == [ran(CELLS[1], 0.5), FAILED]
    assert [*lost(work.store)] == [FAILED], "what was stored is not left here, too"
    since = order.since(work.store)
    assert [since.record(cell) for cell in CELLS] == [FAILED, ran(CELLS[1], 0.5), None]
    again = Order.of(work, "cpu", None)
    assert again.since(work.store).record(CELLS[0]) is None, "another command tries it again"


@pytest.mark.parametrize(
    ("given", "cores"),
    [
        ({}, 8),
        ({"SLURM_CPUS_ON_NODE": "4"}, 4),
        ({"SLURM_CPUS_ON_NODE": "64"}, 8),
        ({"SLURM_CPUS_ON_NODE": "4", "SLURM_NTASKS": "4", "SLURM_NNODES": "2"}, 2),
        ({"SLURM_CPUS_ON_NODE": "1", "SLURM_NTASKS": "2"}, 1),
        ({"SLURM_CPUS_PER_TASK": "3", "SLURM_CPUS_ON_NODE": "6", "SLURM_NTASKS": "2"}, 3),
    ],
)
def test_a_job_has_as_many_workers_as_cores(given: dict[str, str], cores: int) -> None:
    assert cores_of(given, machine=8) == cores


# --- what Slurm says --------------------------------------------------------------------------------------------------


class Answers:
    """Stands for `subprocess.run`."""

    def __init__(self, out: str | BaseException) -> None:
        self.out, self.asked = out, list[list[str]]()

    def __call__(self, words: list[str], **how: Any) -> Any:
        self.asked.append(words)
        if isinstance(self.out, BaseException):
            raise self.out
        return type("Done", (), {"stdout": self.out, "returncode": 0})()


def test_the_states_of_jobs_are_read_from_squeue(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "prunebench-a|RUNNING|None\nb|PENDING|(Resources)|x\na|COMPLETING|None\nslurm: a line of no job\n"
    monkeypatch.setattr("subprocess.run", answers := Answers(said))
    assert living([Path("jobs/a"), Path("jobs/b")]) == [
        State("prunebench-a", "RUNNING", "None"),
        State("b", "PENDING", "(Resources)|x"),
    ]
    assert answers.asked[0][0] == "squeue"
    assert "--name=prunebench-a,prunebench-b" in answers.asked[0]
    assert living([]) == []
    assert len(answers.asked) == 1


@pytest.mark.parametrize("error", [FileNotFoundError(), slurm_jobs.subprocess.TimeoutExpired("squeue", 1)])
def test_where_slurm_does_not_answer_nothing_is_known(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    monkeypatch.setattr("subprocess.run", Answers(error))
    assert living([Path("a")]) is None
    slurm_jobs.cancel([Path("a")])


# --- jobs that are processes of this machine --------------------------------------------------------------------------

SWEEP = ("run", "--algo", "dense,magnitude,snip", "--task", "digits", "--budget", "smoke")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the jobs."""
    jobs = tmp_path / "processes"
    jobs.mkdir()
    fake_slurm.install(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("FAKE_SLURM", str(jobs))
    monkeypatch.setattr(slurm, "PAUSE", 0.1)
    monkeypatch.setattr(slurm, "LOOK", 0.5)
    yield jobs
    for file in jobs.iterdir():
        pid, name = file.read_text().split()
        if fake_slurm.living(name):
            os.killpg(int(pid), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_jobs_make_the_records_that_workers_make(
    fake: Path, own: Store, bench: Bench, tmp_path: Path, jobs: int
) -> None:
    ended = bench(*SWEEP, "--launcher", "slurm", "--jobs", str(jobs))
    assert ended.code == 0, ended.err
    assert f"3 to run in {jobs} job" in ended.err
    assert len([line for line in ended.err.splitlines() if line.startswith("ok ")]) == 3
    assert bench(*SWEEP, "--jobs", "0", "--results", tmp_path / "local").code == 0
    there, here = (
        [said(record, "refereed", "confined") for record in store] for store in (own, Store(tmp_path / "local"))
    )
    assert there == here
    assert all(record.provenance["refereed"] for record in own)
    assert len([*fake.iterdir()]) == jobs


@pytest.mark.slow
def test_a_cell_of_a_job_is_answered_by_several_processes(fake: Path, own: Store, bench: Bench, tmp_path: Path) -> None:
    assert bench(*SWEEP, "--nproc", "2", "--launcher", "slurm", "--jobs", "1").code == 0
    assert bench(*SWEEP, "--nproc", "2", "--jobs", "1", "--results", tmp_path / "local").code == 0
    there, here = ([said(record) for record in store] for store in (own, Store(tmp_path / "local")))
    assert there == here
    assert {record.provenance["processes"] for record in own} == {2}


@pytest.mark.runs
def test_what_slurm_does_not_take_is_one_clear_line(fake: Path, own: Store, bench: Bench) -> None:
    ended = bench(*SWEEP, "--launcher", "slurm", "--slurm", "partition=nowhere")
    assert_one_clear_line(ended, 3, "Slurm takes no jobs: sbatch: error: invalid partition specified: nowhere")


@pytest.mark.runs
def test_a_machine_without_slurm_is_one_clear_line(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PluginError, match='Slurm takes no jobs: Could not detect "srun"'):
        Slurm("cpu", 1, parameters([])).answer(work)
