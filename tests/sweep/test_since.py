"""What others have made since a moment is told from what lay there before, in a file or in a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.results.pack import pack
from benchmark.results.store import Store
from benchmark.sweep.since import Since, mark
from tests.support.command import Bench, here
from tests.support.generated import cell, ran

CELL = cell("imp")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_what_was_not_there_is_new(store: Store) -> None:
    since = Since.now(store, [CELL])
    assert since.record(CELL) is None
    store.put(ran(CELL, 0.5))
    assert since.record(CELL) == ran(CELL, 0.5)


def test_what_was_there_is_not_new_and_the_same_answer_written_again_is(store: Store) -> None:
    store.put(ran(CELL, 0.5))
    since = Since.now(store, [CELL])
    assert since.record(CELL) is None
    store.put(ran(CELL, 0.5))
    assert since.record(CELL) == ran(CELL, 0.5)


def test_what_was_packed_before_is_not_new_and_what_is_packed_meanwhile_is(store: Store) -> None:
    other = cell("imp", seed=1)
    store.put(ran(CELL, 0.5))
    pack(store, write=True)
    since = Since.now(store, [CELL, other])
    store.put(ran(other, 0.7))
    pack(store, write=True)
    assert since.record(CELL) is None
    assert since.record(other) == ran(other, 0.7)
    store.put(ran(CELL, 0.6))
    assert since.record(CELL) == ran(CELL, 0.6)


def test_a_cell_that_is_known_to_have_had_no_record_needs_no_mark(store: Store) -> None:
    store.put(ran(CELL, 0.5))
    assert Since(store, {}).record(CELL) == ran(CELL, 0.5)


def test_what_cannot_be_read_is_no_record(store: Store) -> None:
    since = Since.now(store, [CELL])
    store.path(CELL).parent.mkdir(parents=True)
    store.path(CELL).write_text("{")
    assert mark(store, CELL)
    assert since.record(CELL) is None


def test_records_of_another_place_count_too(store: Store, tmp_path: Path) -> None:
    aside = Store(tmp_path / "aside")
    since = Since(store, {}, also=Since.now(aside, [CELL]))
    assert since.record(CELL) is None
    aside.put(ran(CELL, 0.5))
    assert since.record(CELL) == ran(CELL, 0.5)


@pytest.mark.runs
def test_a_cell_whose_record_is_packed_can_be_run_again(own: Store, bench: Bench) -> None:
    assert here(bench, "dense").code == 0
    pack(own, write=True)
    assert [*own.root.glob("records/*/*/*.json")] == []
    ended = here(bench, "dense", "--rerun", "all")
    assert ended.code == 0
    assert "by another driver" not in ended.err
    assert len([*own.root.glob("records/*/*/*.json")]) == 1
