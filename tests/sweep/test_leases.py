"""Leases: one driver answers a cell, and what a dead one held is free."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.sweep import leases, queue
from benchmark.sweep.leases import EXPIRY, Holder, Lease, Leases, held
from benchmark.sweep.queue import Queue
from benchmark.sweep.since import Since
from tests.support.generated import cell, ran

DEAD = replace(Holder.here(), begun="1")


def lay(folder: Path, key: str, holder: Holder, term: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{key}.{term}"
    path.write_text(json.dumps(asdict(Lease(holder))))
    return path


def test_a_lease_has_one_holder(tmp_path: Path) -> None:
    with Leases(tmp_path) as one, Leases(tmp_path) as other:
        assert one.take("a", "imp on digits") is None
        assert (lease := other.take("a"))
        assert (lease.holder, lease.cell) == (Holder.here(), "imp on digits")
        assert other.take("b") is None
        assert {key: lease.holder for key, lease in held(tmp_path)} == {"a": Holder.here(), "b": Holder.here()}
        one.release("a")
        assert other.take("a") is None
    assert not [*tmp_path.iterdir()], "released at the end"


def test_of_many_that_try_one_succeeds(tmp_path: Path) -> None:
    lay(tmp_path, "a", DEAD)
    drivers = [Leases(tmp_path) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        taken = [*pool.map(lambda driver: driver.take("a"), drivers)]
    assert taken.count(None) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.2"]


def test_a_dead_process_holds_nothing_on_its_own_machine(tmp_path: Path) -> None:
    for number, holder in enumerate([DEAD, replace(Holder.here(), pid=2**22 + 1)]):  # above the largest number
        lay(tmp_path, f"key{number}", holder)
        assert Leases(tmp_path).take(f"key{number}") is None


def test_elsewhere_it_holds_until_it_was_not_touched_for_long(tmp_path: Path) -> None:
    there = Holder("node7", 12, "another boot", "34")
    path = lay(tmp_path, "a", there)
    assert Leases(tmp_path).take("a") == Lease(there)
    assert str(there) == "process 12 on node7"
    touched = path.stat().st_mtime - EXPIRY - 1
    os.utime(path, (touched, touched))
    assert Leases(tmp_path).take("a") is None
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"holder": 3}', '{"holder": {"who": 1}}', "\\xff"])
def test_one_that_is_not_written_yet_is_held(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.1").write_text(content)
    assert Leases(tmp_path).take("a") == Lease()


def test_a_living_driver_touches_its_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT", 0.001)
    with Leases(tmp_path) as driver:
        driver.take("a")
        path = tmp_path / "a.1"
        os.utime(path, (1.0, 1.0))
        while path.stat().st_mtime == 1.0:
            pass
        path.unlink()
        driver.take("b")  # one that is gone stops no beat
        os.utime(tmp_path / "b.1", (1.0, 1.0))
        while (tmp_path / "b.1").stat().st_mtime == 1.0:
            pass


def test_what_was_taken_from_a_driver_it_does_not_release(tmp_path: Path) -> None:
    with Leases(tmp_path) as driver:
        driver.take("a")
        lay(tmp_path, "a", Holder("node7", 12, "another boot", "34"))
        driver.release("a")
        assert (tmp_path / "a.1").exists()


# --- the queue --------------------------------------------------------------------------------------------------------

CELLS = [cell("imp", seed) for seed in range(3)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def at_once(one: Queue) -> list[object]:
    """What a queue gives until others hold the rest."""
    found = []
    while (given := one.next(lambda cell: False)) is not None:
        found.append(given)
    return found


def test_drivers_share_the_cells_and_take_each_others_records(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "PAUSE", 0.0)
    with Leases(store.leases) as ours, Leases(store.leases) as theirs:
        since = Since.now(store, CELLS)
        one, other = Queue(CELLS, since, ours), Queue(CELLS, since, theirs)
        assert one.next(lambda cell: cell.seed < 2) == CELLS[2]
        assert other.next(lambda cell: False) == CELLS[0]
        assert at_once(one) == [CELLS[1]]
        assert not at_once(other)
        record = ran(CELLS[0], 0.5)
        store.put(record)
        other.end(CELLS[0])
        assert at_once(one) == [record]
        one.end(CELLS[1])  # left without a record
        assert at_once(other) == [CELLS[1]]
        assert not one
        assert other, "what others hold is still to be answered"


def test_a_record_that_was_there_is_answered_again_and_a_newer_one_is_not(store: Store) -> None:
    store.put(ran(CELLS[0], 0.5))
    with Leases(store.leases) as ours:
        since = Since.now(store, CELLS)
        again, late = Queue(CELLS[:1], since, ours), Queue(CELLS[:1], since, ours)
        assert at_once(again) == CELLS[:1]
        again.end(CELLS[0])
        store.put(ran(CELLS[0], 0.6))
        [found] = at_once(late)
        assert isinstance(found, Record)
        assert found.score == 0.6
