"""Workers: what happens to one costs one cell, an interrupt keeps what is finished, and all ways give the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.harness.question import Settings
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.sweep import workers
from benchmark.sweep.logs import tidy
from benchmark.sweep.work import Work
from benchmark.sweep.workers import run_in_processes
from tests.support.command import BENCH, Bench, Ended, bench_process
from tests.support.disturb import descendants, kind, wait_until
from tests.support.masks import digest, unpacked
from tests.support.outside import plant, plant_algorithms

pytestmark = pytest.mark.runs

SMOKE = ("--task", "digits", "--budget", "smoke")

HEAD = """
    import os, signal, sys, time
    from benchmark import Run, algorithm

    @algorithm()
    def {name}(run: Run) -> None:
        '''Suspect: misbehaves (Nobody, 2026).'''
        {body}
"""

SUSPECTS = {
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "crashes": "os.kill(os.getpid(), signal.SIGSEGV)",
    "leaves": "os._exit(7)",
    "hangs": "time.sleep(1000)",
    "writes": "open(os.path.join(os.environ['TMPDIR'], 'mine'), 'w').close(); run.train()",
    "raises": "print('about to raise'); raise ValueError('no such layer: fc9')",
    "garbles": "raise ValueError('no such layer: ' + chr(0xdcff) + 'x' * 100_000)",
    "prints": "print('to stdout'); print('to stderr', file=sys.stderr); os.system('echo from a child'); run.train()",
}
"""What a worker may meet, by the name of the plug-in that does it."""

LOST = {"killed", "crashes"}
"""Those that leave no answer, as often as they are tried."""


@pytest.fixture(scope="module")
def suspects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suspects")
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        while True: time.sleep(1000)"
    mark = "m := str(run._state._shared_trainings.sharing.folder / 'mark')"
    unlucky = f"os.path.exists({mark}) or (open(m, 'w').close(), os.kill(os.getpid(), 9)); run.train()"
    waits = f"os.path.exists({mark}) or (open(m, 'w').close(), time.sleep(1000)); run.train()"
    plant_algorithms(folder, HEAD, SUSPECTS | {"stubborn": stubborn, "unlucky": unlucky, "waits": waits})
    return folder


# --- one bad cell among good ones -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweep") / "results"


@pytest.fixture(scope="module")
def sweep(suspects: Path, results: Path) -> Ended:
    """All suspects, and dense after them, by two workers."""
    words = ("--sparsity", "0", "--jobs", "2", "--timeout", "5", "--results", results)
    return bench_process("run", "--algo", ",".join([*SUSPECTS, "dense"]), *SMOKE, *words, PYTHONPATH=suspects)


@pytest.fixture(scope="module")
def answers(sweep: Ended, results: Path) -> dict[str, Record]:
    return {record.cell.algorithm: record for record in Store(results)}


def test_every_cell_of_the_sweep_has_its_record_and_its_line(sweep: Ended, answers: dict[str, Record]) -> None:
    assert set(answers) == {*SUSPECTS, "dense"} - LOST
    statuses = {name: record.status for name, record in answers.items()} | dict.fromkeys(LOST, "failed")
    for name, status in statuses.items():
        assert [line.split()[0] for line in sweep.err.splitlines() if line.split()[1:2] == [name]] == [status]
    assert sweep.code == 1
    assert "Traceback" not in sweep.err + sweep.out


def test_the_cells_beside_the_bad_ones_end_well(answers: dict[str, Record]) -> None:
    for name in ("prints", "writes"):
        assert answers["dense"].status == answers[name].status == "ok"
        assert answers["dense"].metrics == answers[name].metrics, "which is dense training"


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("leaves", "failed", "the worker ended with exit code 7 before it had an answer"),
        ("hangs", "timeout", "stopped after 5 seconds; --timeout with --rerun failed allows more"),
        ("raises", "failed", "ValueError: no such layer: fc9"),
        ("garbles", "failed", f"ValueError: no such layer: ?{'x' * 9_972} ... (90,028 more characters)"),
    ],
)
def test_a_bad_cell_has_a_record_that_says_what_happened(
    answers: dict[str, Record], name: str, status: str, error: str
) -> None:
    record = answers[name]
    assert (record.status, record.error) == (status, error)
    assert record.metrics == {}


@pytest.mark.parametrize(("name", "signal_name"), [("killed", "SIGKILL"), ("crashes", "SIGSEGV")])
def test_a_worker_that_is_killed_twice_leaves_no_record(
    sweep: Ended, answers: dict[str, Record], name: str, signal_name: str
) -> None:
    [line] = [line for line in sweep.err.splitlines() if line.split()[1:2] == [name]]
    assert f"the worker was killed by {signal_name}, twice" in line
    assert "the same command tries it again" in line


@pytest.mark.slow
def test_what_was_killed_is_tried_again_by_the_next_run(sweep: Ended, suspects: Path, results: Path) -> None:
    words = ["run", "--algo", "killed,raises,dense", *SMOKE, "--sparsity", "0", "--dry-run", "--results", str(results)]
    assert "3 cells: 2 answered already, 1 to run" in bench_process(*words, PYTHONPATH=suspects).err


def test_a_cell_is_tried_once_more_after_its_worker_was_killed(suspects: Path, tmp_path: Path) -> None:
    words = ["run", "--algo", "unlucky,dense", *SMOKE, "--sparsity", "0", "--results", str(tmp_path / "results")]
    ended = bench_process(*words, PYTHONPATH=suspects)
    assert ended.code == 0, ended.err
    records = {record.cell.algorithm: record for record in Store(tmp_path / "results")}
    assert records["unlucky"].metrics == records["dense"].metrics


@pytest.mark.slow
def test_a_cell_is_tried_once_more_after_its_server_and_its_worker_were_killed(suspects: Path, tmp_path: Path) -> None:
    """Its exit code is not to be had any more, as the server alone could tell it."""
    words = ["run", "--algo", "waits", *SMOKE, "--sparsity", "0", "--results", str(tmp_path)]
    with started(words, suspects) as bench:
        wait_until(lambda: [*tmp_path.rglob("mark")], "it has not begun")
        for name in ("server", "worker"):
            [found] = [pid for pid in descendants(bench.pid) if kind(pid, bench.pid) == name]
            os.kill(found, signal.SIGKILL)
        _, err = bench.communicate(timeout=120)
    assert bench.returncode == 0, err
    [record] = Store(tmp_path)
    assert record.status == "ok"


def test_folders_of_killed_sweeps_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names = ["prunebench-4194305-dead", f"prunebench-{os.getpid()}-alive", "prunebench-of-somebody", "other-4194305-x"]
    for name in names:  # no process has a number above 2^22
        (tmp_path / name).mkdir()
    with workers.sweep_folder() as folder:
        assert folder.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


def test_a_long_log_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.sweep.logs.LONGEST", 10)
    (tmp_path / "log").write_text("0123456789abc")
    tidy(tmp_path / "log")
    assert (tmp_path / "log").read_text() == "0123456789\n[3 more bytes were cut off]\n"
    tidy(tmp_path / "no log")


def test_a_record_that_cannot_be_written_costs_its_cell_alone(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Store.put

    def picky(store: Store, record: Record, masks: bytes | None = None) -> None:
        if record.status == "ok" and record.cell.algorithm == "random":
            raise ValueError("no such number")
        put(store, record, masks)

    monkeypatch.setattr(Store, "put", picky)
    ended = bench("run", "--algo", "random,dense", *SMOKE, "--jobs", "0", "--results", tmp_path)
    assert ended.code == 1
    records = {record.cell.algorithm: record for record in Store(tmp_path)}
    assert records["dense"].status == "ok"
    assert records["random"].error == "its record cannot be written: ValueError: no such number"


def log(results: Path, record: Record) -> str:
    return Store(results).log(record.cell).read_text()


def test_what_a_plugin_prints_goes_to_the_log_and_nowhere_else(
    sweep: Ended, answers: dict[str, Record], results: Path
) -> None:
    printed = log(results, answers["prints"])
    for words in ("to stdout", "to stderr", "from a child"):
        assert words in printed
        assert words not in sweep.out + sweep.err


def test_the_traceback_of_a_failure_is_in_its_log(answers: dict[str, Record], results: Path) -> None:
    text = log(results, answers["raises"])
    assert "about to raise" in text
    assert "Traceback (most recent call last)" in text
    assert 'raises_plugin.py", line ' in text


def test_a_quiet_run_leaves_no_log(answers: dict[str, Record], results: Path) -> None:
    assert not Store(results).log(answers["dense"].cell).exists()


@pytest.mark.slow
def test_a_worker_that_ignores_the_first_signal_gets_the_second(suspects: Path, tmp_path: Path) -> None:
    words = ["run", "--algo", "stubborn", *SMOKE, "--jobs", "1", "--timeout", "3", "--results", str(tmp_path)]
    with started(words, suspects) as bench:
        try:
            bench.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            pytest.fail("it waits for ever")
    [record] = Store(tmp_path)
    assert record.status == "timeout"


# --- interrupts -------------------------------------------------------------------------------------------------------


class started:  # noqa: N801
    """`bench` in a process group of its own, as a shell starts it; what is left of the group is killed at the end."""

    def __init__(self, words: list[str], path: Path) -> None:
        self._command, self._env = [str(BENCH), *words], os.environ | {"PYTHONPATH": str(path)}

    def __enter__(self) -> subprocess.Popen[str]:
        self._bench = subprocess.Popen(
            self._command, env=self._env, stdout=-1, stderr=-1, text=True, start_new_session=True
        )
        return self._bench

    def __exit__(self, *_: object) -> None:
        for member in members(self._bench.pid):
            os.kill(member, signal.SIGKILL)
        with self._bench:
            pass  # which closes its pipes, and waits for it


def members(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, there = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(there) == group and state != "Z":
            found.append(int(folder.name))
    return found


@pytest.fixture(scope="module", params=["Ctrl-C", "kill"])
def interrupted(
    request: pytest.FixtureRequest, suspects: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Ended]]:
    """A sweep that is ended when dense is finished and another cell hangs: its results and its end.

    By Ctrl-C, which every process of it gets, or by a signal to the command alone. Waits until no process of it is
    left, workers and their server included.
    """
    results = tmp_path_factory.mktemp("interrupted") / "results"
    words = ["run", "--algo", "dense,hangs", *SMOKE, "--sparsity", "0", "--jobs", "2", "--results", str(results)]
    with started(words, suspects) as bench:
        wait_until(lambda: list((results / "records").rglob("*.json")), "dense is answered")
        wait_until(lambda: len(list((results / "leases").iterdir())) == 1, "the command has been told so")
        os.killpg(bench.pid, signal.SIGINT) if request.param == "Ctrl-C" else os.kill(bench.pid, signal.SIGTERM)
        out, err = bench.communicate(timeout=120)
        wait_until(lambda: not members(bench.pid), "no process of the run is left")
        yield results, Ended(bench.returncode, out, err)


def test_an_interrupt_ends_with_130_and_says_how_to_go_on(interrupted: tuple[Path, Ended]) -> None:
    results, ended = interrupted
    assert ended.code == 130
    assert f"1 of 2 cells are finished and kept in {results}; the same command goes on from there." in ended.err
    assert "Traceback" not in ended.err


def test_the_masks_of_a_record_lie_beside_it_packed(interrupted: tuple[Path, Ended]) -> None:
    store = Store(interrupted[0])
    for record in store:
        masks = unpacked(store.masks(record.cell).read_bytes())
        assert digest(masks) == record.mask_digest
        assert masks.counts == {name: layer.kept for name, layer in record.layers.items()}


def test_an_interrupt_keeps_what_is_finished_and_nothing_half_done(
    interrupted: tuple[Path, Ended],
) -> None:
    results, _ = interrupted
    assert [(record.cell.algorithm, record.status) for record in Store(results)] == [("dense", "ok")]
    files = [file for file in results.rglob("*") if file.is_file()]
    assert {file.suffix for file in files if file.parent.name != "ledger"} <= {".json", ".npz", ".log", ".whole"}
    assert not [*(results / "leases").iterdir()]


def test_the_next_run_goes_on_from_there(bench: Bench, interrupted: tuple[Path, Ended]) -> None:
    results, _ = interrupted
    again = bench("run", "--algo", "dense,random", *SMOKE, "--jobs", "0", "--results", results)
    assert again.code == 0
    assert again.err.startswith("2 cells: 1 answered already, 1 to run")


def test_a_benchmark_folder_where_the_command_is_called_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "__init__.py").write_text("raise SystemExit('another one')")
    words = [BENCH, "run", "--algo", "snip", *SMOKE, "--results", tmp_path / "results"]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "another one" not in ended.stderr


SLOW_SERVER = """
import sys, time
from contextlib import suppress
from pathlib import Path

class Slow:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch":
            Path("{flag}").touch()
            time.sleep(5)

sys.meta_path.insert(0, Slow)
"""
"""As `sitecustomize.py`: whoever imports torch, for the workers' server too, tells so and takes its time."""


@pytest.mark.slow
def test_an_interrupt_while_the_workers_server_starts_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_SERVER.format(flag=tmp_path / "importing"))
    words = ["run", "--algo", "dense", *SMOKE, "--jobs", "1", "--results", str(tmp_path / "results")]
    with started(words, tmp_path) as bench:
        wait_until((tmp_path / "importing").exists, "the server imports torch")
        os.killpg(bench.pid, signal.SIGINT)
        _, err = bench.communicate(timeout=120)
    assert bench.returncode == 130
    assert "Traceback" not in err


# --- the same bits ----------------------------------------------------------------------------------------------------


def outcome(bench: Bench, results: Path, jobs: str) -> dict[str, Any]:
    """What came out of some cells, by their key."""
    words = ["--algo", "imp:fraction=0.5,snip", *SMOKE, "--model", "mlp,cnn", "--device", "cpu", "--jobs", jobs]
    assert bench("run", *words, "--results", results / jobs).code == 0
    found = {
        r.key: (r.mask_digest, r.metrics, r.validation, r.layers, r.cost.training_flops) for r in Store(results / jobs)
    }
    assert len(found) == 4
    return found


@pytest.mark.slow
def test_jobs_do_not_change_a_bit(bench: Bench, tmp_path: Path) -> None:
    here = outcome(bench, tmp_path, "0")
    assert outcome(bench, tmp_path, "1") == here
    assert outcome(bench, tmp_path, "2") == here


THREADS = """
    import torch
    from benchmark import Run, algorithm

    @algorithm()
    def threads(run: Run) -> None:
        raise ValueError(f"{torch.get_num_threads()} threads")
"""


def test_a_cell_has_one_thread_in_this_process_too(bench: Bench, tmp_path: Path, known: Callable[[Path], None]) -> None:
    plant(tmp_path, "algorithm", "threads", THREADS)
    known(tmp_path)
    torch.set_num_threads(2)
    try:
        bench("run", "--algo", "threads", *SMOKE, "--device", "cpu", "--jobs", "0", "--results", tmp_path)
    finally:
        torch.set_num_threads(1)
    [record] = Store(tmp_path)
    assert record.error == "ValueError: 1 threads"


def test_an_interrupt_that_something_swallows_is_not_lost(tmp_path: Path) -> None:
    """A destructor, say, in which exceptions vanish: the sweep ends at its next turn, and its workers with it."""
    cell = Cell(algorithm="dense", task="digits", model="mlp", sparsity=0.0, budget="full", seed=0, options={})
    turns = 0

    def swallow(running: object, elsewhere: int) -> None:
        nonlocal turns
        turns += 1
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    settings = Settings({"digits": tmp_path})
    with pytest.raises(KeyboardInterrupt):
        run_in_processes(Work([cell], settings, Store(tmp_path), lambda record: None, progress=swallow), jobs=1)
    assert turns == 1
    assert signal.getsignal(signal.SIGINT) is before
