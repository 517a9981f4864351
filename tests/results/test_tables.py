"""A store reads files and lines alike: a file stands before the line of its key, and no bad line costs another one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.results.pack import pack
from benchmark.results.reading import read as read_record
from benchmark.results.sources import LONGEST, table_of
from benchmark.results.store import Store
from tests.support.command import Bench
from tests.support.generated import cell, ran


def packed(root: Path, seeds: int = 5) -> Store:
    """One table of a few records."""
    store = Store(root)
    for seed in range(seeds):
        store.put(ran(cell("imp", seed), 0.9 + seed / 100))
    pack(store, write=True)
    return store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return packed(tmp_path / "results")


@pytest.fixture
def table(store: Store) -> Path:
    return store.table(cell())


def lines(table: Path) -> list[bytes]:
    return table.read_bytes().splitlines()


def seeds(store: Store) -> set[int]:
    return {record.cell.seed for record in store}


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_table_is_named_after_task_options_model_and_budget() -> None:
    assert table_of(cell()) == "digits-mlp-short.jsonl"
    assert table_of(cell("snip", 7, sparsity=0.5, pattern="2:4")) == table_of(cell()), "all of them in one table"
    of = cell(task="cora", task_options={"protocol": "paper", "layers": 0}, model="GCN v2", budget="full")
    assert table_of(of) == "cora-protocol-paper-layers-0-gcn-v2-full.jsonl"


@pytest.mark.parametrize("model", ["../../etc", "a\nb", "\0", "é", "." * 200, "m" * 200])
def test_no_name_leaves_the_folder_or_is_too_long(model: str, store: Store) -> None:
    store.put(ran(of := cell(model=model), 0.9))
    assert pack(store, write=True).refused == []
    assert store.table(of).is_file()
    assert store.table(of).parent == store.root / "records"
    assert len(store.table(of).stem) <= LONGEST
    assert store.get(of) is not None
    assert len(list(store)) == 6


# --- what is read -----------------------------------------------------------------------------------------------------


def test_lines_are_records_like_files(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "files")
    for record in store:
        other.put(record)
    assert list(store) == list(other)
    assert store.outcomes() == other.outcomes()
    assert not list(store.root.rglob("*.json"))
    for record in other:
        assert store.get(record.cell) == record
        assert [str(source) for source in store.find(record.key[:12])] != []
    assert store.get(cell(seed=9)) is None
    assert store.problems == []


def test_their_order_does_not_change_when_they_are_packed(store: Store) -> None:
    for seed in range(5, 12):
        store.put(ran(cell("snip", seed), 0.5))
    before = [record.key for record in store]
    pack(store, write=True)
    assert [record.key for record in store] == before == sorted(before)


def test_a_file_stands_before_the_line_of_its_key(store: Store) -> None:
    store.put(ran(cell(seed=1), 0.5))
    assert len(list(store)) == 5
    assert store.problems == []
    for found in (store.get(cell(seed=1)), next(record for record in store if record.cell.seed == 1)):
        assert found is not None
        assert found.score == 0.5
    assert [one.score for one in store.outcomes() if one.cell.seed == 1] == [0.5]
    assert [source.path for source in store.find(cell(seed=1).key)] == [str(store.path(cell(seed=1)))]


def test_a_damaged_file_is_named_and_its_line_still_counts(store: Store) -> None:
    store.put(ran(cell(seed=1), 0.5))
    store.path(cell(seed=1)).write_text("{")
    assert seeds(store) == {0, 1, 2, 3, 4}
    [problem] = store.problems
    assert problem.startswith(f"{store.path(cell(seed=1))}: not a record")
    assert store.get(cell(seed=1)) is not None


def test_a_line_written_by_somebody_else_is_read(store: Store, table: Path) -> None:
    spaced = [json.dumps(dict(reversed(json.loads(line).items()))).encode() for line in lines(table)]
    table.write_bytes(b"\r\n".join(spaced) + b"\n\n")
    assert seeds(store) == {0, 1, 2, 3, 4}
    assert store.get(cell(seed=3)) is not None
    assert store.problems == []


# --- what is wrong ----------------------------------------------------------------------------------------------------


def torn(line: bytes) -> bytes:
    return line[:-40]


def no_json(_: bytes) -> bytes:
    return b"\xff\x00 <<<<<<< ours"


def a_list(_: bytes) -> bytes:
    return b"[1, 2, 3]"


def flattered(line: bytes) -> bytes:
    return line.replace(b'"sparsity":0.9', b'"sparsity":0.95')


def another_key(line: bytes) -> bytes:
    return line.replace(line[20:24], b"0000", 1)


def with_nan(line: bytes) -> bytes:
    return line.replace(b'"metrics":{"score":', b'"metrics":{"worse":NaN,"score":')


def two_keys(line: bytes) -> bytes:
    return line.replace(b'"schema":1,', b'"schema":1,"key":"' + b"0" * 64 + b'",', 1)


DAMAGE: dict[Callable[[bytes], bytes], str] = {
    torn: "not a record: Invalid JSON",
    no_json: "not a record: Invalid JSON",
    a_list: "not a record",
    flattered: "the key is not that of the cell",
    another_key: "the key is not that of the cell",
    with_nan: "finite number",
    two_keys: "'key' is there twice",
}


@pytest.mark.parametrize("at", [0, 2, 4])
@pytest.mark.parametrize(("damage", "says"), DAMAGE.items(), ids=[damage.__name__ for damage in DAMAGE])
def test_a_bad_line_is_named_with_its_number_and_skipped(
    store: Store, table: Path, damage: Callable[[bytes], bytes], says: str, at: int
) -> None:
    whole = lines(table)
    lost = read_record(whole[at]).cell
    whole[at] = damage(whole[at])
    table.write_bytes(b"\n".join(whole))
    for read in (lambda: seeds(store), lambda: {one.cell.seed for one in store.outcomes()}):
        assert read() == {0, 1, 2, 3, 4} - {lost.seed}
        [problem] = store.problems
        assert problem.startswith(f"{table}:{at + 1}: ")
        assert says in problem
        assert "\n" not in problem
    assert store.get(lost) is None, "so that the cell is run again"


def test_a_key_that_stands_there_twice_is_named(store: Store, table: Path) -> None:
    whole = lines(table)
    better = whole[1].replace(b'"metrics":{"score":0.9', b'"metrics":{"score":0.99')
    table.write_bytes(b"\n".join([*whole, better]) + b"\n")
    assert len(list(store)) == 5
    assert store.problems == [f"{table}:6: the key of {table}:2 again"]


def test_a_line_in_another_table_is_named(store: Store, table: Path) -> None:
    other = table.with_name("digits-mlp-full.jsonl")
    table.rename(other)
    assert list(store) == []
    assert len(store.problems) == 5
    assert f"{other}:1: a record of another place; it belongs at {table}" in store.problems


def test_a_table_that_cannot_be_read_is_named(store: Store, table: Path) -> None:
    table.with_name("a-folder.jsonl").mkdir()
    assert seeds(store) == {0, 1, 2, 3, 4}
    assert store.problems == [f"{table.with_name('a-folder.jsonl')}: Is a directory"]


def test_a_table_that_changes_is_read_again(store: Store, table: Path) -> None:
    assert store.get(cell(seed=1)) is not None
    table.write_bytes(b"")
    assert store.get(cell(seed=1)) is None


# --- the verbs --------------------------------------------------------------------------------------------------------


def test_a_line_is_shown_by_the_first_digits_of_its_key(store: Store, bench: Bench) -> None:
    key = cell(seed=2).key
    assert json.loads(bench("show", key[:12], "--results", store.root, "--format", "json").out)["key"] == key


def test_a_line_is_merged_and_verified_like_a_file(store: Store, table: Path, bench: Bench, tmp_path: Path) -> None:
    ended = bench("merge", store.root, "--results", tmp_path / "ours")
    assert ended.code == 5
    assert f"Refused {table}:1: its audit was not passed" in ended.err, "these are made up"
    ended = bench("verify", "--all", "--no-training", "--results", store.root, "--format", "json")
    assert ended.code == 5
    assert [row["record"] for row in json.loads(ended.out)] == [f"{table}:{number}" for number in range(1, 6)]


@pytest.mark.slow
def test_our_own_records_are_merged_into_an_empty_folder_and_found_the_same(bench: Bench, tmp_path: Path) -> None:
    from tests.support.command import ROOT

    ours = tmp_path / "results"
    words = ("merge", ROOT / "results", "--results", ours, "--format", "json")
    assert json.loads(bench(*words, "--dry-run").out)[0]["new"] >= 1530
