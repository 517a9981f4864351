"""Cells as tasks of Ray: the same records as anywhere, whatever dies meanwhile, and nothing is left running."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from benchmark.results.store import Store
from benchmark.sweep import leases
from tests.support.command import BENCH, Bench, Ended, assert_one_clear_line, bench_process
from tests.support.outside import plant
from tests.support.said import said

pytest.importorskip("ray", reason="Ray is not installed: pip install 'prunebench[ray]'")

from benchmark.launchers.ray import Ray

WORDS = ["run", "--algo", "dense,magnitude,snip,imp:fraction=0.5", "--task", "digits", "--budget", "smoke"]
WORDS += ["--seeds", "2"]
CELLS = 8
LONG = ["run", "--algo", "imp", "--task", "digits", "--steps", "200", "--sparsity", "0.98", "--seeds", "2"]

MARK = "MARK_OF_A_TEST"
RAY = b"ray::answer"
SERVER = b"cell_server"
AGENTS = b"ray::DashboardAgent", b"ray::RuntimeEnvAgent"
WORKER = b"multiprocessing.forkserver"

slow = pytest.mark.slow


# --- what needs no cluster --------------------------------------------------------------------------------------------


def test_an_address_is_that_of_ray(bench: Bench) -> None:
    ended = bench(*WORDS, "--address", "auto")
    assert_one_clear_line(ended, 2, "--address", "--launcher ray")


def test_ray_answers_nothing_in_this_process(bench: Bench) -> None:
    ended = bench(*WORDS, "--launcher", "ray", "--jobs", "0")
    assert_one_clear_line(ended, 2, "--jobs 0", "--launcher ray")


def test_ray_says_which_gpu(bench: Bench) -> None:
    ended = bench(*WORDS, "--launcher", "ray", "--device", "cuda:1")
    assert_one_clear_line(ended, 2, "cuda:1", "give --device cuda")


def test_parts_of_a_gpu_need_a_gpu(bench: Bench) -> None:
    ended = bench(*WORDS, "--per-gpu", "2", "--device", "cpu")
    assert_one_clear_line(ended, 2, "--per-gpu is for GPUs", "on cpu")
    ended = bench(*WORDS, "--per-gpu", "2", "--launcher", "ray", "--device", "cpu")
    assert_one_clear_line(ended, 2, "--per-gpu is for GPUs", "on cpu")


def test_a_cell_takes_a_processor_and_its_part_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [{"Alive": True, "Resources": {"CPU": 16.0, "GPU": 3.0}}]
    monkeypatch.setattr("ray.nodes", lambda: there)
    assert (Ray("cpu")._room(), Ray("cuda")._room(), Ray("cuda", per_gpu=3)._room()) == (16, 3, 9)
    assert Ray("cuda", per_gpu=4)._resources() == {"CPU": 1.0, "GPU": 0.25}
    there[:] = [{"Alive": True, "Resources": {"CPU": 4.0, "GPU": 3.0}}]
    assert Ray("cuda", per_gpu=3)._room() == 4, "every cell has a processor, too"
    there[:] = [{"Alive": alive, "Resources": {"CPU": 3.0}} for alive in (True, True, False)]
    assert Ray("cpu", processes=2)._room() == 2, "the processes of a cell are on one machine, which lives"
    assert Ray("cuda")._room() == 0


def test_ray_shares_no_gpu_among_cells_of_several_processes(bench: Bench) -> None:
    ended = bench(*WORDS, "--launcher", "ray", "--nproc", "2", "--per-gpu", "2")
    assert_one_clear_line(ended, 2, "--nproc gives each process of a cell a GPU", "leave --per-gpu out")


@pytest.mark.runs
def test_without_ray_one_line_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError('there is none')")
    ended = bench_process(*WORDS, "--launcher", "ray", "--results", tmp_path / "results", PYTHONPATH=tmp_path)
    assert_one_clear_line(ended, 3, "--launcher ray needs Ray", "pip install 'prunebench[ray]'")


# --- real clusters ----------------------------------------------------------------------------------------------------


def marked(mark: str) -> dict[int, bytes]:
    """The command of every process that was started under a mark, by process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes()
    return found


def running(mark: str) -> list[bytes]:
    """The commands of the processes under a mark that work on cells: Ray's agents end by themselves, after a minute."""
    others = {process: command for process, command in marked(mark).items() if process != os.getpid()}
    return [command for command in others.values() if not command.startswith(AGENTS)]


def until(condition: Callable[[], Any], seconds: float = 600.0) -> Any:
    """What a condition gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it has not come"
        time.sleep(0.05)
    return found


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A mark in the environment of all that a test starts. When it is over, none of it may still run."""
    mark = uuid4().hex
    monkeypatch.setenv(MARK, mark)
    try:
        yield mark
        until(lambda: not running(mark), seconds=30)
    finally:
        for process in marked(mark).keys() - {os.getpid()}:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def named(mark: str, name: bytes) -> list[int]:
    """The processes under a mark whose command has a name in it."""
    return [process for process, command in marked(mark).items() if name in command]


def kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def finished(command: subprocess.Popen[str], seconds: float = 900.0) -> Ended:
    out, err = command.communicate(timeout=seconds)
    return Ended(command.returncode, out, err)


def begun(*words: str | Path, **environment: str) -> subprocess.Popen[str]:
    command = [str(BENCH), *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=os.environ | environment, stdout=pipe, stderr=pipe, text=True)


def with_ray(*words: str | Path) -> Ended:
    return finished(begun(*words, "--launcher", "ray"))


def sweep(results: Path) -> dict[str, dict[str, Any]]:
    """The content of all records, by key. Every file of the folder is a whole record, and no lease is left."""
    store = Store(results)
    records = {record.key: said(record) for record in store}
    assert store.problems == []
    assert [*leases.held(store.leases)] == []
    assert not store.endings.exists()
    return records


def masks(results: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in results.glob("masks/*/*/*.npz")}


@pytest.fixture(scope="module")
def locally(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("locally")
    assert finished(begun(*WORDS, "--results", results)).code == 0
    assert len(sweep(results)) == CELLS
    return results


@pytest.fixture(scope="module")
def long_locally(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("long")
    assert finished(begun(*LONG, "--results", results)).code == 0
    return results


@slow
def test_ray_gives_the_same_records_and_says_nothing_of_its_own(mark: str, locally: Path, tmp_path: Path) -> None:
    before = {*Path("/tmp").iterdir()}
    ended = with_ray(*WORDS, "--results", tmp_path / "results")
    assert ended.code == 0, ended.err
    assert sweep(tmp_path / "results") == sweep(locally)
    assert masks(tmp_path / "results") == masks(locally)
    lines = ended.err.splitlines()
    assert lines[0] == f"{CELLS} cells: 0 answered already, {CELLS} to run on cpu of Ray on this machine, 2 at a time"
    assert len([line for line in lines[1:] if line.startswith("ok ")]) == CELLS
    assert all(line.startswith(("ok ", f"{CELLS}/", *(f"{n}/" for n in range(CELLS)))) for line in lines[1:])
    assert not [file for file in {*Path("/tmp").iterdir()} - before if "ray" in file.name]


@slow
def test_a_cell_is_answered_by_several_processes_of_one_machine(mark: str, tmp_path: Path) -> None:
    several = (*WORDS, "--nproc", "2", "--jobs", "1", "--results")
    ended = with_ray(*several, tmp_path / "ray")
    assert ended.code == 0, ended.err
    assert finished(begun(*several, tmp_path / "locally")).code == 0
    assert sweep(tmp_path / "ray") == sweep(tmp_path / "locally")
    assert {record.provenance["processes"] for record in Store(tmp_path / "ray")} == {2}


@slow
@pytest.mark.parametrize("name", [RAY, SERVER], ids=["the process of Ray", "the cell server"])
def test_a_process_that_is_killed_in_mid_cell_costs_nothing(
    mark: str, long_locally: Path, tmp_path: Path, name: bytes
) -> None:
    results = tmp_path / "results"
    command = begun(*LONG, "--launcher", "ray", "--results", results)
    until(lambda: [*(results / "endings").rglob("*.whole")])
    kill(random.Random(0).choice(until(lambda: named(mark, name))))
    ended = finished(command)
    assert ended.code == 0, ended.err
    assert sweep(results) == sweep(long_locally)
    assert "raylet" not in ended.out + ended.err


@slow
def test_a_cell_whose_process_dies_again_and_again_has_no_record(mark: str, tmp_path: Path) -> None:
    results = tmp_path / "results"
    words = [*LONG[:-4], "--seeds", "1", "--sparsity", "0.98", "--jobs", "1", "--results", results]
    command = begun(*words, "--launcher", "ray")
    killed = set[int]()
    while command.poll() is None:
        for process in set(named(mark, SERVER)) - killed:
            if named(mark, WORKER):
                kill(process)
                killed.add(process)
        time.sleep(0.5)
    ended = finished(command)
    assert ended.code == 1, ended.err
    assert len(killed) == 4
    assert "its process of Ray died 4 times" in ended.err
    assert [*Store(results)] == []
    assert with_ray(*words).code == 0


@slow
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_keeps_what_is_finished(mark: str, locally: Path, tmp_path: Path, times: int) -> None:
    results = tmp_path / "results"
    command = begun(*WORDS, "--launcher", "ray", "--results", results)
    until(lambda: [*(results / "records").rglob("*.json")])
    for _ in range(times):
        command.send_signal(signal.SIGINT)
        time.sleep(0.3)  # the second one comes while Ray is shut down
    ended = finished(command, seconds=60)
    assert ended.code == 130, ended.err
    assert "Traceback" not in ended.err
    assert "the same command goes on from there" in ended.err
    assert [*leases.held(Store(results).leases)] == []
    assert with_ray(*WORDS, "--results", results).code == 0
    assert sweep(results) == sweep(locally)


@slow
def test_sigterm_ends_it_within_ten_seconds(mark: str, tmp_path: Path) -> None:
    results = tmp_path / "results"
    command = begun(*LONG, "--launcher", "ray", "--results", results)
    until(lambda: [*(results / "endings").rglob("*.whole")])
    command.terminate()
    assert finished(command, seconds=10).code == 130


@slow
def test_a_driver_that_is_killed_leaves_nothing_running(mark: str, locally: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    command = begun(*WORDS, "--launcher", "ray", "--results", results)
    until(lambda: [*(results / "records").rglob("*.json")])
    command.kill()
    command.communicate()
    until(lambda: not running(mark), seconds=30)
    assert with_ray(*WORDS, "--results", results).code == 0
    assert sweep(results) == sweep(locally)


@slow
@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "127.0.0.1:port", "nowhere.invalid:6379"])
def test_no_cluster_at_an_address_is_one_clear_line(mark: str, tmp_path: Path, address: str) -> None:
    ended = with_ray(*WORDS, "--address", address, "--results", tmp_path)
    assert_one_clear_line(ended, 3, f"there is no Ray cluster at {address}: ")


@slow
def test_plugins_of_the_path_are_found_and_a_folder_of_our_name_is_not(mark: str, tmp_path: Path) -> None:
    source = """
        from benchmark import Run, algorithm, keep_top

        @algorithm(paper="none")
        def smallest(run: Run) -> None:
            '''Prune the smallest weights.'''
            run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, run.target))
            run.train()
    """
    plant(tmp_path / "site", "algorithm", "smallest", source)
    (tmp_path / "home" / "benchmark").mkdir(parents=True)
    (tmp_path / "home" / "benchmark" / "__init__.py").write_text("raise RuntimeError('foreign')")
    words = ["run", "--algo", "smallest", "--task", "digits", "--budget", "smoke", "--launcher", "ray"]
    command = [str(BENCH), *words, "--results", "results"]
    environment = {**os.environ, "PYTHONPATH": os.path.join("..", "site")}
    done = subprocess.run(command, cwd=tmp_path / "home", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [record] = Store(tmp_path / "home" / "results")
    assert record.provenance["plugins"]["algorithm"] == "dist-of-smallest 1.0"


# --- several machines -------------------------------------------------------------------------------------------------


class Cluster:
    """A cluster whose head answers no cell: its machines are added, and go, one by one."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as Raylets

        self._raylets = Raylets(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self.address = self._raylets.address

    def add(self, processors: int = 1) -> Any:
        return self._raylets.add_node(num_cpus=processors)

    def remove(self, machine: Any) -> None:
        self._raylets.remove_node(machine, allow_graceful=False)

    def end(self) -> None:
        self._raylets.shutdown()


@contextmanager
def machines(*processors: int) -> Iterator[tuple[Cluster, list[Any]]]:
    cluster = Cluster()
    try:
        yield cluster, [cluster.add(each) for each in processors]
    finally:
        cluster.end()


@slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_machine_that_dies_costs_nothing(mark: str, long_locally: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    with machines(1, 1) as (cluster, nodes):
        command = begun(*LONG, "--launcher", "ray", "--address", cluster.address, "--results", results)
        until(lambda: [*(results / "endings").rglob("*.whole")])
        cluster.remove(nodes[0])
        ended = finished(command)
        assert ended.code == 0, ended.err
    assert sweep(results) == sweep(long_locally)


@contextmanager
def machine_without(folder: Path, cluster: Cluster) -> Iterator[None]:
    """A machine of a cluster on which a folder is empty, as if it had a disk of its own."""
    ray = f"{sys.executable} -m ray.scripts.scripts"
    script = f'mount -t tmpfs none "$1" && exec {ray} start --address "$2" --num-cpus 2 --block'
    own = ["unshare", "-rm", "sh", "-c", script, "sh", str(folder), cluster.address]
    with subprocess.Popen(own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        try:
            yield
        finally:
            started.terminate()


def can_hide_folders() -> bool:
    return bool(shutil.which("unshare")) and not subprocess.run(["unshare", "-rm", "true"], check=False).returncode


@slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_where_no_folder_is_shared_everything_comes_and_goes_over_ray(
    mark: str, locally: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records, masks and logs come back; starts and masks of other records are brought."""
    if not can_hide_folders():
        pytest.skip("no folder can be hidden from a process here (unshare -rm)")
    hidden, results = tmp_path / "hidden", tmp_path / "hidden" / "results"
    hidden.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(hidden / "cache"))
    with machines() as (cluster, _), machine_without(hidden, cluster):
        where = ["--launcher", "ray", "--address", cluster.address, "--jobs", "2", "--results", results]
        ended = finished(begun(*WORDS, *where))
        assert ended.code == 0, ended.err
        assert sweep(results) == sweep(locally)
        assert masks(results) == masks(locally)
        key = next(record.key for record in Store(results) if record.cell.algorithm == "dense")
        more = ["--algo", "magnitude", "--start", key, "--finetune", "0.5", "--task", "digits", "--budget", "smoke"]
        ended = finished(begun("run", *more, *where))
        assert ended.code == 0, ended.err
