"""What is read from the cache is what would be read from the records: never stale, never trusted from anybody else."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.files import CacheFile
from benchmark.leaderboard.rows import rows
from benchmark.results import outcome_cache
from benchmark.results.outcome import Outcome, outcome
from benchmark.results.pack import pack
from benchmark.results.record import Record, Verification, failure
from benchmark.results.store import Store
from tests.support.generated import cell, generated, ran

HEAD = CacheFile("outcomes", Path(), outcome_cache._code).head
"""From what a file holds to its first line."""


def made() -> list[Record]:
    """Some of every kind."""
    found = list(generated(("imp", "snip"), (0.5, 0.9), ("first", "second"), 3, control="shuffle"))
    found[3] = found[3].model_copy(update={"verified": Verification(when="2026", how="bit-equal")})
    found[4] = failure(found[4].cell, found[4].ranking, "diverged", "the loss is NaN")
    found.append(ran(cell("set", 0, options={"rate": 0.1 + 0.2, "batches": 1.0, "way": None}), 1e-300))
    return found


@pytest.fixture(params=["files", "lines"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(outcome_cache, "FEW", 1)
    store = Store(tmp_path / "results")
    for record in made():
        store.put(record)
    if request.param == "lines":
        pack(store, write=True)
    return store


@pytest.fixture
def file(store: Store, tmp_path: Path) -> Path:
    """The cache of the store, filled."""
    store.outcomes()
    [file] = (tmp_path / "cache" / "prunebench" / "outcomes").iterdir()
    return file


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """The records that are read in full from now on."""
    seen: list[Record] = []

    def counted(record: Record) -> Outcome:
        seen.append(record)
        return outcome(record)

    monkeypatch.setattr(outcome_cache, "outcome", counted)
    return seen


def known(store: Store) -> list[Outcome]:
    """What has to come out."""
    return [outcome(record) for record in store]


def test_what_comes_back_is_what_was_read(store: Store, file: Path, parsed: list[Record]) -> None:
    again = Store(store.root).outcomes()
    assert parsed == []
    assert repr(again) == repr(known(store)), "whole numbers and floats, too"
    assert [one.cell.key for one in again] == [one.key for one in again]
    assert [one.cell.group for one in again] == [one.group for one in again]
    assert rows(again) == rows(list(store))


def test_an_edited_record_is_seen_though_size_and_times_are_the_same(store: Store, file: Path) -> None:
    for place in [place for place in store.root.rglob("*.json*") if b'"loss":0.1' in place.read_bytes()]:
        times = place.stat()
        place.write_bytes(place.read_bytes().replace(b'"accuracy":0.9', b'"accuracy":0.1'))
        os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    found = store.outcomes()
    assert found == known(store)
    assert all(one.score is None or one.score < 0.2 for one in found if one.cell.task == "first")


def test_a_new_record_is_the_only_one_that_is_parsed(store: Store, file: Path, parsed: list[Record]) -> None:
    store.put(record := ran(cell("set", 5), 0.5))
    assert store.outcomes() == known(store)
    assert parsed == [record]


def test_a_record_that_is_gone_is_gone(store: Store, file: Path) -> None:
    for place in list((store.root / "records").rglob("*.json*"))[:1]:
        place.unlink()
    assert store.outcomes() == known(store)
    assert len(store.outcomes()) < len(made())


def test_a_damaged_record_is_named_every_time(store: Store, file: Path) -> None:
    place = next(iter((store.root / "records").rglob("*.json*")))
    place.write_bytes(place.read_bytes()[:-40])
    for _ in range(2):
        assert store.outcomes() == known(store)
        assert len(store.problems) == 1


def test_packing_leaves_nothing_to_parse(store: Store, file: Path, parsed: list[Record]) -> None:
    pack(store, write=True)
    assert store.outcomes() == known(store)
    assert parsed == []


# --- a cache that cannot be used --------------------------------------------------------------------------------------


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def flipped(file: Path) -> None:
    """One score is better than it was."""
    head, _, content = file.read_bytes().partition(b"\n")
    columns = json.loads(content)
    columns["score"] = [1.0 if value else None for value in columns["score"]]
    file.write_bytes(head + b"\n" + json.dumps(columns).encode())


def of_plain_digest(file: Path) -> None:
    """The digest of what it holds, and no more than that."""
    flipped(file)
    content = file.read_bytes().partition(b"\n")[2]
    file.write_bytes(f"{hashlib.sha256(content).hexdigest()}\n".encode() + content)


def lists_of_other_lengths(file: Path) -> None:
    columns = json.loads(file.read_bytes().partition(b"\n")[2])
    columns["score"].pop()
    content = json.dumps(columns).encode()
    file.write_bytes(HEAD(content) + content)


def something_else(file: Path) -> None:
    content = b'{"groups": [[1, 2, 3]], "digest": 7}'
    file.write_bytes(HEAD(content) + content)


def writable_by_all(file: Path) -> None:
    flipped(file)
    content = file.read_bytes().partition(b"\n")[2]
    file.write_bytes(HEAD(content) + content)
    file.chmod(0o666)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


SPOILT = [emptied, cut, flipped, of_plain_digest, lists_of_other_lengths, something_else, writable_by_all, a_folder]


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_spoilt_cache_is_as_if_there_were_none(store: Store, file: Path, spoil: Callable[[Path], None]) -> None:
    spoil(file)
    assert store.outcomes() == known(store)
    assert store.problems == []


def test_a_cache_of_other_code_is_not_read(store: Store, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome_cache, "_code", lambda: b"another version")
    assert outcome_cache._load(CacheFile("outcomes", store.root, outcome_cache._code)) == {}


def test_a_cache_that_cannot_be_written_is_done_without(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert store.outcomes() == known(store)


def test_few_records_leave_no_cache(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome_cache, "FEW", 500)
    store.outcomes()
    assert not (tmp_path / "cache").exists()
