"""What the process does that waits for jobs of Slurm: when it sends some, gives up, takes over, and cancels."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pytest

from benchmark.errors import PluginError
from benchmark.harness.question import Settings
from benchmark.launchers import slurm
from benchmark.launchers.order import Order, jobs_folder, lost
from benchmark.launchers.slurm import Slurm
from benchmark.launchers.slurm_jobs import State, name_of
from benchmark.results.record import Ranking, Record, failure
from benchmark.results.store import Store
from benchmark.sweep.endings import Endings
from benchmark.sweep.leases import Holder, Lease
from benchmark.sweep.work import Running, Work
from tests.support.generated import cell, ran

CELLS = [cell("imp", seed) for seed in range(3)]
THERE = Holder("node7", 12, "another boot", "34")


@dataclass
class Cluster:
    """Stands for Slurm.

    Attributes:
        happens: what becomes of the jobs that are sent, by turns; nothing after the last.
        jobs: those that live; None while Slurm does not answer.
        sent: how many jobs were sent each time.
        cancelled: the orders whose jobs were, with whether only those that had not begun.
    """

    happens: list[Callable[[], object]] = field(default_factory=list)
    jobs: list[State] | None = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    cancelled: list[tuple[Path, bool]] = field(default_factory=list)

    def send(self, folder: Path, count: int, parameters: object) -> str:
        assert Order.read(folder)
        self.sent.append(count)
        self.happens.pop(0)() if self.happens else None
        return str(len(self.sent))

    def living(self, folders: Sequence[Path]) -> list[State] | None:
        names = {name_of(folder) for folder in folders}
        return None if self.jobs is None else [job for job in self.jobs if job.name in names]

    def cancel(self, folders: Sequence[Path], *, waiting: bool = False) -> None:
        self.cancelled += [(folder, waiting) for folder in folders]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    stands = Cluster()
    for name in ("send", "living", "cancel"):
        monkeypatch.setattr(slurm, name, getattr(stands, name))
    monkeypatch.setattr(slurm, "PAUSE", 0.0)
    monkeypatch.setattr(slurm, "LOOK", -1.0)
    return stands


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def told() -> list[Record]:
    return []


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def work(store: Store, told: list[Record], heard: list[str]) -> Work:
    return Work(CELLS, Settings({}), store, told.append, say=heard.append)


def answering(store: Store, *seeds: int) -> Callable[[], object]:
    """Jobs that answer some cells and end."""
    return lambda: [store.put(ran(CELLS[seed], 0.5)) for seed in seeds]


def lie(store: Store, key: str) -> Path:
    """A cell that another machine holds."""
    store.leases.mkdir(exist_ok=True)
    path = store.leases / f"{key}.1"
    path.write_text(json.dumps(asdict(Lease(THERE, "imp"))))
    return path


def order(work: Work, holder: Holder, name: str = "earlier") -> Path:
    """The folder of an order that another process has sent jobs for."""
    folder = jobs_folder(work.store) / name
    Order.of(work, "auto", None).write(folder)
    (jobs_folder(work.store) / "leases").mkdir(exist_ok=True)
    (jobs_folder(work.store) / "leases" / f"{name}.1").write_text(json.dumps(asdict(Lease(holder))))
    return folder


DEAD = replace(Holder.here(), begun="1")

# --- sending ----------------------------------------------------------------------------------------------------------


def test_jobs_are_sent_until_all_cells_are_answered(
    cluster: Cluster, work: Work, store: Store, told: list[Record], heard: list[str]
) -> None:
    cluster.happens = [answering(store, 1), answering(store), answering(store, 0, 2)]
    Slurm("auto", 2, {}).answer(work)
    assert [record.cell.seed for record in told] == [1, 0, 2]
    assert cluster.sent == [2, 2, 2]
    [(folder, waiting)] = cluster.cancelled
    assert waiting, "those that run end by themselves"
    assert heard[0] == f"2 jobs of Slurm as 1, prunebench-{folder.name}; logs in {folder}"


def test_no_more_jobs_are_sent_than_there_are_cells(cluster: Cluster, work: Work, store: Store) -> None:
    cluster.happens = [answering(store, 0, 2), answering(store, 1)]
    Slurm("auto", 64, {}).answer(work)
    assert cluster.sent == [3, 1]


def test_jobs_that_end_in_vain_are_given_up_with_what_the_last_one_said(
    cluster: Cluster, work: Work, store: Store, told: list[Record]
) -> None:
    def says(text: str) -> None:
        [sent] = jobs_folder(store).glob("*/order.json")
        sent.with_name("1_0_log.out").write_text(text)

    cluster.happens = [answering(store, 2), *[lambda: None] * 2, lambda: says("Error: no\nError: no data\nTraceback\n")]
    with pytest.raises(PluginError) as error:
        Slurm("auto", 1, {}).answer(work)
    assert len(cluster.sent) == 1 + slurm.TRIES, "a record starts the count again"
    text = f"{slurm.TRIES} times all jobs have ended with nothing new for 2 cells, such as {CELLS[0]} (Error: no data);"
    assert str(error.value).startswith(text)
    assert str(jobs_folder(store)) in str(error.value)
    assert told == [ran(CELLS[2], 0.5)]


def test_a_cell_that_takes_longer_than_a_job_is_gone_on_with_as_long_as_trainings_are_made(
    cluster: Cluster, work: Work, store: Store, told: list[Record]
) -> None:
    ledger = Endings[str](store.endings / "ledger")

    def makes(name: str, steps: int | None = None) -> Callable[[], object]:
        def work() -> None:
            ledger.claim("worker", ("origin", name))
            ledger.made("worker", ("origin", name), "digest", steps)

        return work

    parts = [makes("first", 100), makes("first", 200), makes("first"), makes("second"), makes("third", 50)]
    cluster.happens = [*parts, *[makes("third", 50)] * (slurm.TRIES - 1)]
    with pytest.raises(PluginError, match="nothing new for 3 cells"):
        Slurm("auto", 1, {}).answer(work)
    assert len(cluster.sent) == len(parts) + slurm.TRIES, "each part is new once"


def test_what_a_killed_worker_has_left_ends_its_cell(
    cluster: Cluster, work: Work, store: Store, told: list[Record]
) -> None:
    failed = failure(CELLS[1], Ranking(metric="score", direction="max"), "failed", "killed twice")
    cluster.happens = [lambda: lost(store).put(failed), answering(store, 0, 2)]
    Slurm("auto", 1, {}).answer(work)
    assert told == [failed, ran(CELLS[0], 0.5), ran(CELLS[2], 0.5)]
    assert store.get(CELLS[1]) is None


def test_nothing_is_sent_for_cells_that_other_drivers_answer(
    cluster: Cluster, work: Work, store: Store, told: list[Record]
) -> None:
    files, shown = [lie(store, one.key) for one in CELLS], []

    def progress(running: Sequence[Running], elsewhere: int) -> None:
        shown.append([one.cell for one in running])
        if len(shown) == 3:
            [file.unlink() for file in files]
            answering(store, 0, 1, 2)()

    Slurm("auto", 8, {}).answer(replace(work, progress=progress))
    assert cluster.sent == []
    assert shown[:3] == [CELLS] * 3
    assert len(told) == 3


def test_where_slurm_does_not_answer_nothing_is_sent(cluster: Cluster, work: Work, store: Store) -> None:
    cluster.jobs, turns = None, []

    def progress(running: Sequence[Running], elsewhere: int) -> None:
        turns.append(len(cluster.sent))
        if len(turns) == 3:
            cluster.jobs, cluster.happens = [], [answering(store, 0, 1, 2)]

    Slurm("auto", 8, {}).answer(replace(work, progress=progress))
    assert turns[:3] == [0, 0, 0]
    assert cluster.sent == [3]


def test_no_job_is_sent_to_a_results_folder_that_has_vanished(cluster: Cluster, work: Work, store: Store) -> None:
    cluster.happens = [answering(store, 1)]

    def vanish(running: Sequence[Running], elsewhere: int) -> None:
        store.root.rename(store.root.with_name("away"))

    with pytest.raises(FileNotFoundError, match="it is gone"):
        Slurm("auto", 1, {}).answer(replace(work, cells=CELLS[:1], progress=vanish))
    assert cluster.sent == [1]
    assert not store.root.exists()


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_why_jobs_wait_is_said_once(
    cluster: Cluster, work: Work, store: Store, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda count: "mine")
    states = [("PENDING", "None"), ("PENDING", "Resources"), ("PENDING", "Resources"), ("RUNNING", "None")]
    states += [("PENDING", "Priority")]

    def progress(running: Sequence[Running], elsewhere: int) -> None:
        if states:
            cluster.jobs = [State("prunebench-mine", *states.pop(0))]
        else:
            answering(store, 0, 1, 2)()

    Slurm("auto", 1, {}).answer(replace(work, progress=progress))
    assert heard[1:] == ["1 job of Slurm in the queue: Resources", "1 job of Slurm in the queue: Priority"]
    assert cluster.sent == [1]


def test_an_interrupt_cancels_all_jobs(cluster: Cluster, work: Work) -> None:
    def interrupt(running: Sequence[Running], elsewhere: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Slurm("auto", 1, {}).answer(replace(work, progress=interrupt))
    assert [waiting for _, waiting in cluster.cancelled] == [False]


def test_a_process_takes_over_the_jobs_of_one_that_has_died(cluster: Cluster, work: Work) -> None:
    folder = order(work, DEAD)
    cluster.jobs = [State(name_of(folder), "RUNNING", "None")]
    turns: list[int] = []

    def progress(running: Sequence[Running], elsewhere: int) -> None:
        turns.append(1)
        if len(turns) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Slurm("auto", 1, {}).answer(replace(work, cells=CELLS[:2], progress=progress))
    assert cluster.sent == []
    assert cluster.cancelled == [(folder, False)]


def test_the_jobs_of_a_living_process_are_left_to_it(cluster: Cluster, work: Work, store: Store) -> None:
    folder = order(work, THERE)
    cluster.jobs, cluster.happens = [State(name_of(folder), "RUNNING", "None")], [answering(store, 0, 1, 2)]
    Slurm("auto", 1, {}).answer(work)
    assert cluster.sent == [1]
    assert folder not in dict(cluster.cancelled)


def test_jobs_for_other_cells_are_not_taken_over(cluster: Cluster, work: Work, store: Store) -> None:
    folder = order(replace(work, cells=CELLS[:2]), DEAD)
    cluster.jobs, cluster.happens = [State(name_of(folder), "RUNNING", "None")], [answering(store, 0, 1, 2)]
    Slurm("auto", 1, {}).answer(work)
    assert cluster.sent == [1]
    assert folder not in dict(cluster.cancelled)
    assert folder.exists()


def test_orders_whose_jobs_have_ended_are_deleted(cluster: Cluster, work: Work, store: Store) -> None:
    ended, kept = order(work, DEAD, "ended"), order(work, THERE, "kept")
    cluster.happens = [answering(store, 0, 1, 2)]
    Slurm("auto", 1, {}).answer(work)
    assert not ended.exists()
    assert kept.exists(), "its process lives, and may send jobs again"
