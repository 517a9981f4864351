"""The referee: it imports no algorithm, judges only what was handed over, and is replaced when it dies."""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from benchmark.harness.question import Settings
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.sweep import confinement, fork_server
from benchmark.sweep.channel import Channel, Garbled
from benchmark.sweep.endings import Endings
from benchmark.sweep.lead import Lead
from benchmark.sweep.referees import Referee
from benchmark.sweep.started import Limits
from benchmark.sweep.work import Work
from benchmark.sweep.workers import run_in_processes, sweep_folder

pytestmark = pytest.mark.runs


def digits(algorithm: str = "dense", seed: int = 0, **options: Any) -> Cell:
    return Cell(
        algorithm=algorithm, options=options, task="digits", model="mlp", sparsity=0.0, budget="smoke", seed=seed
    )


def answered(cells: list[Cell], folder: Path, **more: Any) -> list[Record]:
    records: list[Record] = []
    run_in_processes(Work(cells, Settings({"digits": folder}), Store(folder), records.append, **more), jobs=2)
    return records


# --- what it imports --------------------------------------------------------------------------------------------------


def imported(connection: Connection) -> None:
    """In a process of the fork server: the algorithms that are imported there."""
    import benchmark.sweep.referee_process
    from benchmark.plugins import registry

    registry.task("digits", {})
    names = [name for name in sys.modules if name.startswith("benchmark.algorithms.")]
    connection.send([benchmark.sweep.referee_process.__name__, *names])


def test_the_server_that_the_referee_is_forked_from_has_imported_no_algorithm() -> None:
    ours, theirs = Pipe()
    process = fork_server.start([]).Process(target=imported, args=(theirs,))
    process.start()
    assert ours.recv() == ["benchmark.sweep.referee_process"]
    process.join()


# --- its end ----------------------------------------------------------------------------------------------------------


def lead_of(folder: Path, records: list[Record]) -> Lead:
    return Lead(Settings({"digits": folder}), Store(folder), folder, records.append, Limits())


def pid_of(referee: Referee) -> int:
    assert referee.process.pid is not None
    return referee.process.pid


@pytest.mark.parametrize("times", [1, 2])
def test_a_referee_that_dies_is_replaced_and_a_cell_that_ends_two_of_them_fails(tmp_path: Path, times: int) -> None:
    records: list[Record] = []
    lead = lead_of(tmp_path, records)
    try:
        lead.start(digits())
        for _ in range(times):
            [referee] = lead._referees.all
            os.kill(pid_of(referee), signal.SIGSTOP)
            while not referee.judging:
                lead.turn()
            os.kill(pid_of(referee), signal.SIGKILL)
            while referee in lead._referees.all:
                lead.turn()
            lead._referees.assign(1)
        while not records:
            lead.turn()
    finally:
        lead.end()
    assert records[0].status == ("ok" if times == 1 else "failed")
    assert times == 1 or "the referee ended twice" in str(records[0].error)


@pytest.mark.parametrize("jobs", [1, 2])
def test_another_referee_is_called_where_workers_have_nothing_to_do(tmp_path: Path, jobs: int) -> None:
    records: list[Record] = []
    lead = Lead(Settings({"digits": tmp_path}), Store(tmp_path), tmp_path, records.append, Limits(), jobs=jobs)
    try:
        [first] = lead._referees.all
        os.kill(pid_of(first), signal.SIGSTOP)
        lead.start(digits(seed=0))
        lead.start(digits(seed=1))
        while lead.at_work or len(records) < jobs - 1:
            lead.turn()
        lead.turn()
        assert first.judging
        assert len(lead._referees.all) == jobs
        os.kill(pid_of(first), signal.SIGCONT)
        while len(records) < 2:
            lead.turn()
    finally:
        lead.end()
    assert {record.status for record in records} == {"ok"}


def test_a_referee_that_ends_takes_no_other_cell_with_it(tmp_path: Path) -> None:
    records: list[Record] = []
    lead = lead_of(tmp_path, records)
    try:
        [first] = lead._referees.all
        os.kill(pid_of(first), signal.SIGSTOP)
        lead.start(digits(seed=0))
        lead.start(digits(seed=1))
        while not all(started.judged for started in lead.running) or not first.judging:
            lead.turn()
        at, other = sorted(lead.running, key=lambda started: started is not first.judging)
        os.kill(pid_of(first), signal.SIGKILL)
        while len(records) < 2:
            lead.turn()
    finally:
        lead.end()
    assert (at.referees, other.referees) == (1, 0)
    assert {record.status for record in records} == {"ok"}


def test_it_ends_with_the_process_that_leads(tmp_path: Path) -> None:
    lead = lead_of(tmp_path, [])
    pid = pid_of(lead._referees.all[0])
    assert Path("/proc", str(pid)).exists()
    lead.end()
    assert not Path("/proc", str(pid)).exists()


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_cell_without_progress_is_stopped(tmp_path: Path) -> None:
    """`full` on the digits reports steps all the time; nothing reports within a nanosecond."""
    [record] = answered([digits()], tmp_path, limits=Limits(stall=1e-9))
    assert record.status == "timeout"
    assert record.error == "stopped after 1e-09 seconds without progress; --stall with --rerun failed allows more"
    [record] = answered([digits()], tmp_path, limits=Limits(stall=60))
    assert record.status == "ok"


def test_what_a_cell_has_handed_over_can_be_kept(tmp_path: Path) -> None:
    answered([digits()], tmp_path, handover=tmp_path / "kept")
    assert (tmp_path / "kept").stat().st_size > 10_000


# --- confinement ------------------------------------------------------------------------------------------------------


def writes(folder: Path, connection: Connection) -> None:
    """In a process of its own: confined to a folder, what it can write, and whom it can signal."""
    (folder / "mine").mkdir()
    confinement.confine([folder / "mine"])
    outcome = []
    for action in (
        lambda: (folder / "mine" / "a").write_text("1"),
        lambda: (folder / "b").write_text("1"),
        lambda: (folder / "there").write_text("1"),
        (folder / "there").unlink,
        lambda: (folder / "there").rename(folder / "mine" / "there"),
        (folder / "c").mkdir,
        lambda: os.kill(os.getppid(), 0),
    ):
        try:
            action()
            outcome.append(True)
        except OSError:
            outcome.append(False)
    outcome.append((folder / "there").read_text() == "0")
    connection.send(outcome)


@pytest.mark.skipif(not confinement.version(), reason="this kernel has no Landlock")
def test_a_confined_process_writes_in_its_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("0")
    ours, theirs = Pipe()
    process = fork_server.start([]).Process(target=writes, args=(tmp_path, theirs))
    process.start()
    own, *others, reads = ours.recv()
    process.join()
    assert own
    assert reads
    assert others[:-1] == [False] * 5
    assert others[-1] is (confinement.version() < 6)


# --- messages ---------------------------------------------------------------------------------------------------------


def channels() -> tuple[Channel, Channel]:
    ours, theirs = Pipe()
    return Channel(ours).lead(), Channel(theirs)


def test_messages_come_in_order_and_whole() -> None:
    lead, worker = channels()
    for steps in range(3):
        worker.send(steps=steps, text="ä\n")
    assert [message["steps"] for message in lead.poll()] == [0, 1, 2]
    lead.send(again=True)
    assert worker.receive() == {"again": True}


@pytest.mark.parametrize("content", [b"x\n", b"[1]\n", b"\xff\n", b"[" * 100_000 + b"\n"])
def test_what_is_no_message_is_told(content: bytes) -> None:
    lead, worker = channels()
    os.write(worker.connection.fileno(), content)
    time.sleep(0.01)
    with pytest.raises(Garbled):
        list(lead.poll())


def test_half_a_message_holds_nobody_up() -> None:
    lead, worker = channels()
    os.write(worker.connection.fileno(), b'{"steps"')
    assert list(lead.poll()) == []
    os.write(worker.connection.fileno(), b": 1}\n")
    assert list(lead.poll()) == [{"steps": 1}]
    worker.close()
    with pytest.raises(EOFError):
        list(lead.poll())


def test_an_end_after_a_message_does_not_lose_it() -> None:
    lead, worker = channels()
    worker.send(handed="x")
    worker.close()
    seen = []
    with pytest.raises(EOFError):
        seen.extend(lead.poll())  # which takes what came before the end
    assert seen == [{"handed": "x"}]


# --- which trainings were made ----------------------------------------------------------------------------------------

PLACE = ("ours", "a training")


def test_one_makes_a_training_the_other_waits_and_takes_it() -> None:
    endings = Endings[str]()
    assert endings.claim("first", PLACE) == {}
    assert endings.claim("second", PLACE) is None
    assert endings.waits("second")
    [(worker, waited)] = endings.made("first", PLACE, "digest")
    assert worker == "second"
    assert waited >= 0
    answer = endings.claim("second", PLACE)
    assert answer is not None
    assert answer["digest"] == "digest"


def test_a_training_whose_maker_ends_is_made_by_the_one_that_waits() -> None:
    endings = Endings[str]()
    endings.claim("first", PLACE)
    endings.claim("second", PLACE)
    assert [worker for worker, _ in endings.ended("first")] == ["second"]
    assert endings.claim("second", PLACE) == {}


def test_only_who_claimed_a_training_can_say_that_it_is_made() -> None:
    endings = Endings[str]()
    endings.claim("first", PLACE)
    assert endings.made("liar", PLACE, "mine") == []
    endings.claim("other", ("theirs", "a training"))
    endings.made("other", ("theirs", "a training"), "theirs")
    assert endings.claim("second", PLACE) is None


def test_a_training_that_could_not_be_written_is_made_again() -> None:
    endings = Endings[str]()
    endings.claim("first", PLACE)
    endings.made("first", PLACE, "")
    assert endings.claim("second", PLACE) == {}


def test_a_training_that_was_begun_goes_on_and_the_next_in_turn_takes_it() -> None:
    endings = Endings[str]()
    endings.claim("first", PLACE)
    assert endings.made("first", PLACE, "part", 40) == []
    assert endings.claim("second", PLACE) is None, "it is not done"
    assert [worker for worker, _ in endings.ended("first")] == ["second"]
    answer = endings.claim("second", PLACE)
    assert answer is not None
    assert (answer["digest"], answer["steps"]) == ("part", 40)
    endings.made("second", PLACE, "whole")
    answer = endings.claim("third", PLACE)
    assert answer is not None
    assert (answer["digest"], answer["steps"]) == ("whole", None)


def test_a_later_sweep_knows_what_was_made_and_what_was_begun(tmp_path: Path) -> None:
    other = ("ours", "another training")
    first = Endings[str](tmp_path)
    for place, steps in ((PLACE, None), (other, 40)):
        first.claim("worker", place)
        first.made("worker", place, "digest", steps)
    later = Endings[str](tmp_path)
    for place, steps in ((PLACE, None), (other, 40)):
        answer = later.claim("worker", place)
        assert answer is not None
        assert (answer["digest"], answer["steps"]) == ("digest", steps)
    assert later.claim("worker", ("theirs", "a training")) == {}
    for file in tmp_path.iterdir():
        file.write_text("{}")
    assert Endings[str](tmp_path).claim("worker", PLACE) == {}, "one that cannot be read is made again"


def test_the_folder_of_a_sweep_is_gone_afterwards() -> None:
    with sweep_folder() as folder:
        assert folder.is_dir()
    assert not folder.exists()
