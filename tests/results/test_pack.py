"""Packing loses no record, whenever it is interrupted, and leaves alone what it cannot read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.results import pack as packing
from benchmark.results.pack import pack
from benchmark.results.reading import read
from benchmark.results.record import Verification
from benchmark.results.store import Store
from tests.support.accidents import ACCIDENTS, accident
from tests.support.command import Bench
from tests.support.generated import cell, ran


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two tables' records in files."""
    store = Store(tmp_path / "results")
    for seed in range(4):
        for task in ("digits", "mnist"):
            store.put(ran(cell("imp", seed, task=task), 0.9 + seed / 100))
    return store


def files(store: Store) -> list[str]:
    records = store.root / "records"
    return sorted(str(file.relative_to(records)) for file in records.rglob("*") if file.is_file())


TABLES = ["digits-mlp-short.jsonl", "mnist-mlp-short.jsonl"]
NONE = {"masked": 0, "mask_bytes": 0}


def test_files_become_lines_sorted_by_key(store: Store, bench: Bench) -> None:
    before = list(store)
    ended = bench("pack", "--results", store.root, "--format", "json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == [{"table": name[:-6], "records": 4, "new": 4, **NONE} for name in TABLES]
    assert files(store) == TABLES
    assert not any(path.is_dir() for path in (store.root / "records").iterdir()), "no empty folders"
    assert list(store) == before
    for name in TABLES:
        keys = [json.loads(line)["key"] for line in (store.root / "records" / name).read_text().splitlines()]
        assert keys == sorted(keys)


def test_a_new_record_is_one_more_line_and_a_newer_one_takes_the_line_of_its_key(store: Store) -> None:
    pack(store, write=True)
    table = store.table(cell())
    before = table.read_bytes().splitlines()
    store.put(ran(cell("imp", 9), 0.5))
    store.put(ran(cell("imp", 0), 0.4))
    assert pack(store, write=True).tables == {table.stem: (5, 2, 0, 0)}
    after = table.read_bytes().splitlines()
    assert len(set(before) - set(after)) == 1
    assert len(set(after) - set(before)) == 2
    assert {record.cell.seed: record.score for record in store if record.cell.task == "digits"}[0] == 0.4


def test_packing_twice_changes_nothing(store: Store, bench: Bench) -> None:
    pack(store, write=True)
    before = {name: (store.root / "records" / name).stat().st_mtime_ns for name in TABLES}
    assert json.loads(bench("pack", "--results", store.root, "--format", "json").out) == []
    assert {name: (store.root / "records" / name).stat().st_mtime_ns for name in TABLES} == before


def test_a_dry_run_writes_nothing(store: Store, bench: Bench) -> None:
    before = files(store)
    assert "nothing was written" in bench("pack", "--dry-run", "--results", store.root).out
    assert files(store) == before


def test_a_folder_that_is_not_there_has_nothing_to_pack(bench: Bench, tmp_path: Path) -> None:
    assert bench("pack", "--results", tmp_path / "none").code == 0
    assert not (tmp_path / "none").exists()


def test_a_file_of_many_lines_keeps_every_value(store: Store) -> None:
    """As `bench run` wrote them before; 0.1 + 0.2, whole numbers as floats, and fields in another order."""
    of = cell("snip", 0, options={"rate": 0.1 + 0.2, "batches": 1.0, "name": "\u2028é\\n"})
    record = ran(of, 1e-300, validation=0.1 + 0.2)
    told = dict(reversed(json.loads(record.to_bytes()).items()))
    store.path(of).parent.mkdir(parents=True, exist_ok=True)
    store.path(of).write_text(json.dumps(told, indent=1))
    pack(store, write=True)
    [line] = [line for line in store.table(of).read_text().split("\n") if of.key in line]
    assert repr(json.loads(line)) == repr(told)
    assert store.get(of) == record


@given(st.floats(-1e14, 1e14), st.text(st.characters(codec="utf-8")))
def test_numbers_and_texts_survive_packing_bit_for_bit(number: float, text: str) -> None:
    record = ran(cell(options={"name": text}), number).model_copy(update={"error": text})
    for content in (record.to_bytes(), json.dumps(json.loads(record.to_bytes()), indent=1).encode()):
        line = packing._line(content)
        assert b"\n" not in line
        assert repr(json.loads(line)) == repr(json.loads(content))
        assert read(line) == record


# --- accidents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod", "unlink"])
@pytest.mark.parametrize("error", ACCIDENTS, ids=repr)
def test_whatever_interrupts_it_every_record_is_still_there(store: Store, call: str, error: BaseException) -> None:
    before = list(store)
    with accident(call, error):
        pack(store, write=True)
    assert list(store) == before
    assert store.problems == []
    pack(store, write=True)
    assert files(store) == TABLES or call == "unlink"
    assert list(store) == before


def test_a_full_disk_is_one_clear_line(store: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    ended = bench("pack", "--results", store.root)
    assert ended.code == 2
    assert ended.err.splitlines()[-1].endswith("cannot be packed: No space left on device")


def test_a_file_that_changes_meanwhile_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends between the reading and the removing is not lost."""
    write = packing.write

    def slowly(content: bytes, path: Path) -> None:
        write(content, path)
        store.put(ran(cell("imp", 2), 0.1))

    monkeypatch.setattr(packing, "write", slowly)
    pack(store, write=True)
    assert store.path(cell("imp", 2)).exists()
    found = store.get(cell("imp", 2))
    assert found is not None
    assert found.score == 0.1


def test_what_is_no_record_is_named_and_stays(store: Store, bench: Bench) -> None:
    damaged = store.path(cell("imp", 1))
    damaged.write_text("{")
    ended = bench("pack", "--results", store.root)
    assert ended.code == 5
    assert f"Refused {damaged}: not a record" in ended.err
    assert files(store) == [TABLES[0], f"digits/imp/{damaged.name}", TABLES[1]]
    assert len(list(store)) == 7


def test_a_table_with_a_bad_line_stays_as_it_is_and_the_others_are_packed(store: Store, bench: Bench) -> None:
    pack(store, write=True)
    table = store.table(cell())
    table.write_bytes(table.read_bytes()[:-40])
    before = table.read_bytes()
    for task in ("digits", "mnist"):
        store.put(ran(cell("imp", 9, task=task), 0.5))
    ended = bench("pack", "--results", store.root, "--format", "json")
    assert ended.code == 5
    assert f"Refused {table}:4: not a record" in ended.err
    assert json.loads(ended.out) == [{"table": "mnist-mlp-short", "records": 5, "new": 1, **NONE}]
    assert table.read_bytes() == before
    assert store.path(cell("imp", 9)).exists()


def test_a_new_answer_mends_a_bad_line(store: Store) -> None:
    pack(store, write=True)
    table = store.table(cell())
    table.write_bytes(table.read_bytes()[:-40])
    [lost] = [seed for seed in range(4) if store.get(cell("imp", seed)) is None]
    store.put(ran(cell("imp", lost), 0.5))
    assert pack(store, write=True).refused == []
    assert len(list(store)) == 8


def test_a_stamp_is_a_file_that_takes_the_place_of_its_line(store: Store) -> None:
    """As `bench verify` writes it."""
    pack(store, write=True)
    seen = Verification(when="2026-01-01T00:00:00+00:00", how="bit-equal")
    record = store.get(cell("imp", 1))
    assert record is not None
    store.put(record.model_copy(update={"verified": seen}))
    assert pack(store, write=True).tables == {"digits-mlp-short": (4, 1, 0, 0)}
    assert [one.cell.seed for one in store if one.verified] == [1]
