"""`bench run --nproc`: several processes answer a cell together, and whatever becomes of one becomes of the cell."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from benchmark.cli.launching import local
from benchmark.errors import UsageError
from benchmark.harness.handover import Notes
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.sweep import confinement
from benchmark.sweep.side_by_side import _joined
from benchmark.training.ranks import ENDED
from tests.support.command import BENCH, SMOKE, Bench, Ended, assert_one_clear_line, bench_process
from tests.support.disturb import descendants, wait_until
from tests.support.outside import plant_algorithms

TWO = ("--nproc", "2", "--jobs", "1", "--results")

HEAD = """
    import os, signal, time
    import torch
    from benchmark import Masks, Run, algorithm, keep_top

    @algorithm()
    def {name}(run: Run) -> None:
        '''Suspect: misbehaves in one of two processes (Nobody, 2026).'''
        second = os.environ["RANK"] == "1"
        assert (os.environ["WORLD_SIZE"], os.environ["LOCAL_RANK"]) == ("2", os.environ["RANK"])
        {body}
        run.train()
"""

BODIES = {
    "leaves": "if second: os._exit(7)",
    "raises": "if second: raise ValueError('no such layer: fc9')",
    "prunes": """score = {n: w.abs() + (second and torch.arange(w.numel()).view_as(w)) for n, w in run.weights.items()}
        run.prune(keep_top(score, run.target))""",
    "tampers": """if second:
            with torch.no_grad(): next(iter(run._state.weights.values())).add_(1)""",
    "apart": "if second: open(os.path.join(os.environ['TMPDIR'], '..', 'handover'), 'w')",
}
"""What the second of two processes may do, by the name of the plug-in that does it."""


@pytest.fixture(scope="module")
def suspects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suspects")
    mark = "m := str(run._state._shared_trainings.sharing.folder / 'mark')"
    pid = "if second: open(os.path.join(os.environ['TMPDIR'], 'pid'), 'w').write(str(os.getpid()))"
    wait = f"while not second and not os.path.exists({mark}): open(m, 'w').close(); time.sleep(1000)"
    unlucky = f"{pid}\n        {wait}"
    plant_algorithms(folder, HEAD, BODIES | {"unlucky": unlucky})
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweep") / "results"


@pytest.fixture(scope="module")
def sweep(suspects: Path, results: Path) -> Ended:
    words = ["run", "--algo", ",".join([*BODIES, "magnitude"]), *SMOKE]
    return bench_process(*words, *TWO, results, PYTHONPATH=suspects)


@pytest.fixture(scope="module")
def answers(sweep: Ended, results: Path) -> dict[str, Record]:
    found = {record.cell.algorithm: record for record in Store(results)}
    assert found.keys() == {*BODIES, "magnitude"}, sweep.err
    return found


@pytest.mark.runs
def test_a_record_says_that_several_processes_have_made_it(answers: dict[str, Record], sweep: Ended) -> None:
    record = answers["magnitude"]
    assert (record.status, record.provenance["processes"]) == ("ok", 2), record.error
    assert record.provenance["steps"] == "divided among 2 processes"
    assert record.notes == ["2 processes have trained it together: other last bits than one's"]
    assert "1 with notes" in sweep.out


@pytest.mark.slow
def test_costs_are_those_of_the_whole_and_metrics_those_of_one_process(
    answers: dict[str, Record], results: Path, tmp_path: Path
) -> None:
    ended = bench_process("run", "--algo", "magnitude", *SMOKE, "--results", tmp_path)
    [one] = Store(tmp_path)
    assert "processes" not in one.provenance, ended.err
    two = answers["magnitude"]
    assert two.mask_digest == one.mask_digest
    assert two.metrics == pytest.approx(one.metrics, abs=0.005)
    uncounted = {"seconds", "peak_bytes"}
    assert two.cost.model_dump(exclude=uncounted) == one.cost.model_dump(exclude=uncounted)


@pytest.mark.slow
def test_verify_trains_it_again_by_as_many(answers: dict[str, Record], results: Path) -> None:
    ended = bench_process("verify", answers["magnitude"].key, "--results", results)
    assert ended.code == 0, ended.err
    assert "bit-equal" in ended.out


@pytest.mark.runs
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("leaves", "process 1: it ended with exit code 7 before it had an answer"),
        ("raises", "process 1: ValueError: no such layer: fc9"),
        ("prunes", "Parted: process 1 of 2 has other masks or weights than 0, after a change of masks"),
        ("tampers", "process 1: audit: the network was changed outside the verbs of the run, before train()"),
        pytest.param(
            "apart",
            "process 1: PermissionError: [Errno 13] Permission denied: ",
            marks=pytest.mark.skipif(not confinement.version(), reason="this kernel has no Landlock"),
        ),
    ],
)
def test_what_one_process_does_is_the_failure_of_the_cell(answers: dict[str, Record], name: str, error: str) -> None:
    assert answers[name].status == "failed"
    assert answers[name].error.startswith(error)


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_others_and_is_tried_once_more(suspects: Path, tmp_path: Path) -> None:
    """In the first attempt, one waits for ever; in the second one, both train."""
    there = os.environ | {"PYTHONPATH": str(suspects), "TMPDIR": str(tmp_path)}
    words = [BENCH, "run", "--algo", "unlucky", *SMOKE, "--sparsity", "0", *TWO, tmp_path / "results"]
    with subprocess.Popen(words, env=there, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as bench:
        while not (found := [file.read_text() for file in tmp_path.rglob("process-1/pid")]) or not found[0]:
            assert bench.poll() is None, bench.communicate()[1]
            time.sleep(0.05)
        while not [*(tmp_path / "results" / "endings").rglob("mark")]:
            time.sleep(0.05)
        before = descendants(bench.pid)
        os.kill(int(found[0]), signal.SIGKILL)
        _, said = bench.communicate(timeout=120)
    assert bench.returncode == 0, said
    [record] = Store(tmp_path / "results")
    assert record.status == "ok"
    assert int(found[0]) in before
    wait_until(lambda: not any(map(is_alive, before)), "no process of the sweep is left")


@pytest.mark.slow
def test_no_process_is_left_when_the_one_that_leads_is_killed(tmp_path: Path) -> None:
    there = os.environ | {"TMPDIR": str(tmp_path)}
    words = [BENCH, "run", "--algo", "dense", "--task", "digits", "--steps", "1000000", *TWO, tmp_path / "results"]
    with subprocess.Popen(words, env=there, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as bench:
        while not [*tmp_path.rglob("process-1")]:
            assert bench.poll() is None
            time.sleep(0.05)
        before = descendants(bench.pid)
        bench.kill()
    begun = time.monotonic()
    while alive := [process for process in before if is_alive(process)]:
        assert time.monotonic() - begun < 60, alive
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    with suppress(OSError):
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# --- notes of several processes ---------------------------------------------------------------------------------------


def test_what_is_found_against_any_process_is_found_against_the_run() -> None:
    found = _joined(Notes(breaches=["a"]), 1, Notes(breaches=["a", "b"]))
    assert (found.status, found.breaches) == (None, ["a", "process 1: b"])


def test_the_process_that_failed_is_named_and_not_the_one_that_missed_it() -> None:
    lost, own = Notes(status="failed", error=f"Parted: {ENDED}: x"), Notes(status="failed", error="out of memory")
    assert _joined(lost, 1, own).error == "process 1: out of memory"
    assert _joined(own, 1, lost).error == "out of memory"
    assert _joined(lost, 1, lost).error == lost.error
    assert _joined(Notes(), 1, own).status == "failed"


# --- the command ------------------------------------------------------------------------------------------------------


def test_without_workers_there_is_one_process(bench: Bench, own: Store) -> None:
    ended = bench("run", "--algo", "dense", *SMOKE, "--nproc", "2", "--jobs", "0")
    assert_one_clear_line(ended, 2, "--nproc needs workers, and --jobs 0 starts none; leave out one or the other")


def test_each_process_takes_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert local(9, "cuda:1", None).jobs == 1
    assert local(9, "cuda", None).jobs == 4
    assert local(9, "cuda", None, per_gpu=3).jobs == 9, "not more than there are cells"
    assert local(9, "cuda", None, processes=2, per_gpu=3).jobs == 6
    with pytest.raises(UsageError, match="--nproc 2 takes a GPU for each process; give --device cuda, not cuda:1"):
        local(9, "cuda:1", None, processes=2)
    with pytest.raises(UsageError, match="--nproc 5 takes as many GPUs, and torch finds 4"):
        local(9, "cuda", 2, processes=5)
