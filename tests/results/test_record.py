"""Cells have the same key everywhere, records survive the disk whole or not at all, and a store trusts no file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmark.results.cell import Cell
from benchmark.results.record import Audit, Cost, Density, LayerCount, Ranking, Record, failure
from benchmark.results.store import Store

UP = Ranking(metric="accuracy", direction="max")


def cell(**changes: Any) -> Cell:
    given = {"algorithm": "imp", "task": "digits", "model": "mlp", "sparsity": 0.9, "budget": "short", "seed": 0}
    return Cell.model_validate({"options": {"fraction": 0.2, "retrain": "weights"}} | given | changes)


def record(of: Cell | None = None, **changes: Any) -> Record:
    """A record with every field filled."""
    of = of or cell()
    given: dict[str, Any] = {
        "key": of.key,
        "cell": of,
        "status": "ok",
        "ranking": UP,
        "metrics": {"accuracy": 0.9, "loss": 0.3},
        "validation": {"accuracy": 0.91, "loss": 0.31},
        "density": Density(weights=0.1, parameters=0.11, effective=0.09),
        "layers": {"fc1.weight": LayerCount(total=6400, kept=640, effective=600)},
        "cost": Cost(trainings=2, training_steps=76, seconds=1.5),
        "audit": Audit(passed=True),
        "where": {"torch": "2.15.0", "recipe": {"milestones": [10, 20], "augment": None}},
        "mask_digest": "0" * 64,
    }
    return Record.model_validate(given | changes)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


# --- the question -----------------------------------------------------------------------------------------------------

CANONICAL = (
    '{"algorithm":"imp","budget":"short","model":"mlp","options":{"fraction":0.2,"retrain":"weights"},'
    '"pattern":"global","seed":0,"sparsity":0.9,"task":"digits"}'
)


def test_the_key_is_the_sha256_of_the_canonical_json() -> None:
    assert json.dumps(cell().model_dump(), sort_keys=True, separators=(",", ":")) == CANONICAL
    assert cell().key == hashlib.sha256(CANONICAL.encode()).hexdigest()


def test_the_key_of_a_cell_never_changes() -> None:
    assert cell().key == "4f6d7cf3774d899526cdf3186477af425f2a514c9b68b93e8d5dc8e91aa40c22", (
        "published records hang on it"
    )


def test_whole_numbers_have_one_spelling() -> None:
    assert cell(sparsity=0).key == cell(sparsity=0.0).key
    assert cell(options={"batches": 1}).key == cell(options={"batches": 1.0}).key


@given(st.permutations(["fraction", "rewind", "retrain", "scope"]))
def test_the_key_does_not_depend_on_the_order_of_options(names: list[str]) -> None:
    first = cell(options=dict.fromkeys(["fraction", "rewind", "retrain", "scope"], 1))
    again = cell(options=dict.fromkeys(names, 1))
    assert again.key == first.key
    assert again == first
    assert len({again, first}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": "snip"},
        {"options": {"fraction": 0.3, "retrain": "weights"}},
        {"options": {}},
        {"task": "mnist"},
        {"task_options": {"protocol": "paper"}},
        {"model": "cnn"},
        {"pattern": "layer"},
        {"sparsity": 0.95},
        {"budget": "full"},
        {"seed": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_the_question_changes_the_key(change: dict[str, Any]) -> None:
    assert cell(**change).key != cell().key


def test_the_group_is_everything_but_the_seed() -> None:
    assert cell(seed=1).group == cell(seed=2).group
    assert cell(budget="full").group != cell().group


@pytest.mark.parametrize("name", ["../digits", "a/b", "", ".", "-a", "Digits", "di gits", "digits\n", "di\0gits", "é"])
@pytest.mark.parametrize("field", ["algorithm", "task"])
def test_a_name_that_could_leave_the_folder_is_refused(field: str, name: str) -> None:
    with pytest.raises(ValidationError, match=field):
        cell(**{field: name})


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 90, float("nan"), float("inf")])
def test_a_sparsity_that_is_none_is_refused(sparsity: float) -> None:
    with pytest.raises(ValidationError, match="sparsity"):
        cell(sparsity=sparsity)


@pytest.mark.parametrize(("sparsity", "kept"), [(0.995, 2152), (0.999, 430), (0.9, 43050), (0.98, 8610)])
def test_halves_of_weights_round_to_even(sparsity: float, kept: int) -> None:
    """Of LeNet-5's 430,500 weights the first two leave 2,152.5 and 430.5."""
    assert round(cell(sparsity=sparsity).density * 430_500) == kept


def test_a_cell_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        cell().seed = 3


# --- the answer -------------------------------------------------------------------------------------------------------


def test_a_record_has_exactly_these_fields() -> None:
    fields = "schema key cell status metrics validation density layers cost audit where mask_digest error ranking"
    assert set(json.loads(record().model_dump_json())) == {*fields.split(), "verified", "diagnosis", "edits"}
    cell_fields = "algorithm options task model pattern sparsity budget seed"
    assert set(json.loads(record().model_dump_json())["cell"]) == set(cell_fields.split())
    assert json.loads(record().model_dump_json())["schema"] == 1


def test_a_record_survives_json() -> None:
    assert Record.model_validate_json(record().model_dump_json()) == record()


@given(st.floats(-1e14, 1e14), st.text(st.characters(codec="utf-8")))
def test_numbers_and_texts_survive_json_bit_for_bit(number: float, text: str) -> None:
    before = record(
        cell(options={"name": text}), metrics={"accuracy": 0.5, "score": number}, error=text, where={text: text}
    )
    after = Record.model_validate_json(before.model_dump_json())
    assert after == before
    assert after.key == after.cell.key == before.key


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", ["metrics", "validation", "where"])
def test_what_is_no_number_is_refused(place: str, value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        record(**{place: {"accuracy": value}})


def test_what_is_no_number_is_refused_in_options_and_cost() -> None:
    with pytest.raises(ValidationError, match="finite"):
        cell(options={"rate": float("nan")})
    with pytest.raises(ValidationError, match="finite"):
        Cost(seconds=float("inf"))


def test_a_record_under_the_key_of_another_cell_is_refused() -> None:
    with pytest.raises(ValidationError, match="the key is not that of the cell"):
        record(key=cell(seed=1).key)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="surprise"):
        record(surprise=1)


def test_only_a_run_that_ended_well_has_a_score() -> None:
    assert record().score == 0.9
    for status in ("failed", "diverged", "skipped", "timeout"):
        assert record(status=status, metrics={}).score is None


def test_a_failure_has_a_reason_and_no_numbers() -> None:
    failed = failure(cell(), UP, "timeout", "stopped after 5 seconds")
    assert (failed.status, failed.error, failed.metrics, failed.score) == (
        "timeout",
        "stopped after 5 seconds",
        {},
        None,
    )


# --- the store --------------------------------------------------------------------------------------------------------


def test_what_is_put_is_found_again(store: Store) -> None:
    store.put(record())
    assert store.get(cell()) == record()
    assert list(store) == [record()]
    assert store.problems == []
    assert store.path(cell()) == store.root / "records" / "digits" / "imp" / f"{cell().key}.json"


def test_an_answer_without_masks_leaves_none_of_another_beside_it(store: Store) -> None:
    store.put(record(), b"masks")
    assert store.masks(cell()).exists()
    store.put(record(metrics={"accuracy": 0.8}))
    assert not store.masks(cell()).exists()


def test_what_was_never_put_is_not_found(store: Store) -> None:
    assert store.get(cell()) is None
    assert list(store) == []
    assert store.find("0") == []
    assert not store.root.exists(), "looking creates nothing"


def test_a_record_is_replaced_by_a_later_one(store: Store) -> None:
    store.put(failure(cell(), UP, "failed", "out of memory"))
    store.put(record())
    assert [found.status for found in store] == ["ok"]


def test_records_can_be_read_by_others(store: Store) -> None:
    store.put(record())
    assert store.path(cell()).stat().st_mode & 0o777 == 0o644


def leftovers(store: Store) -> list[str]:
    return [path.name for path in store.root.rglob("*") if path.is_file() and path.suffix != ".json"]


def no_space(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("accident", [no_space, interrupt])
@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
def test_a_write_that_fails_leaves_the_old_record_and_nothing_else(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: str, accident: Callable[..., None]
) -> None:
    old = failure(cell(), UP, "failed", "the old one")
    store.put(old)
    monkeypatch.setattr(os, call, accident)
    with pytest.raises((OSError, KeyboardInterrupt)):
        store.put(record())
    assert store.get(cell()) == old
    assert leftovers(store) == []


def test_a_first_write_that_fails_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OSError, match="No space left"):
        store.put(record())
    assert list(store) == []
    assert leftovers(store) == []


def test_a_temporary_file_of_a_killed_run_is_no_record(store: Store) -> None:
    store.put(record())
    (store.path(cell()).parent / ".abc.tmp").write_text("{")
    assert list(store) == [record()]
    assert store.problems == []


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def emptied(path: Path) -> None:
    path.write_text("")


def foreign(path: Path) -> None:
    path.write_text('{"name": "somebody else\'s", "version": 3}')


def a_list(path: Path) -> None:
    path.write_text("[1, 2, 3]")


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)))


def edited(path: Path, *steps: str, value: Any) -> None:
    whole = json.loads(path.read_text())
    inner = whole
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = value
    path.write_text(json.dumps(whole))


def flattered(path: Path) -> None:
    edited(path, "cell", "seed", value=7)


def from_the_future(path: Path) -> None:
    edited(path, "schema", value=2)


def with_nan(path: Path) -> None:
    edited(path, "metrics", "accuracy", value=float("nan"))


def with_a_hostile_name(path: Path) -> None:
    edited(path, "cell", "task", value="../../../etc")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[Callable[[Path], None], str] = {
    truncated: "Invalid JSON",
    emptied: "Invalid JSON",
    foreign: "not a record",
    a_list: "not a record",
    binary: "Invalid JSON",
    flattered: "the key is not that of the cell",
    from_the_future: "schema",
    with_nan: "finite number",
    with_a_hostile_name: "cell.task",
    a_folder: "Is a directory",
}


@pytest.mark.parametrize(("damage", "says"), DAMAGE.items(), ids=[damage.__name__ for damage in DAMAGE])
def test_a_damaged_file_is_named_and_skipped(store: Store, damage: Callable[[Path], None], says: str) -> None:
    store.put(record())
    store.put(record(cell(seed=1)))
    damage(store.path(cell()))
    assert [found.cell.seed for found in store] == [1]
    [problem] = store.problems
    assert problem.startswith(f"{store.path(cell())}: ")
    assert says in problem
    assert "\n" not in problem
    assert store.get(cell()) is None, "so that the cell is run again"


def test_a_damaged_file_is_mended_by_the_next_answer(store: Store) -> None:
    store.put(record())
    truncated(store.path(cell()))
    store.put(record())
    assert list(store) == [record()]


@pytest.mark.parametrize("place", ["digits/snip/{key}.json", "mnist/imp/{key}.json", "digits/imp/{other}.json"])
def test_a_record_in_the_wrong_place_is_named_and_skipped(store: Store, place: str) -> None:
    store.put(record())
    stray = store.root / "records" / place.format(key=cell().key, other="0" * 64)
    stray.parent.mkdir(parents=True, exist_ok=True)
    store.path(cell()).rename(stray)
    assert list(store) == []
    [problem] = store.problems
    assert problem == f"{stray}: a record of another place; it belongs at {store.path(cell())}"


def test_two_folders_merge_by_copying(tmp_path: Path) -> None:
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    here.put(record())
    there.put(record(cell(seed=1)))
    for file in there.root.rglob("*.json"):
        file.rename(here.root / file.relative_to(there.root))
    assert {found.cell.seed for found in here} == {0, 1}


@pytest.fixture
def full(store: Store) -> Store:
    for seed in range(40):
        store.put(record(cell(seed=seed)))
    return store


def test_records_are_found_by_the_first_digits_of_their_key(full: Store) -> None:
    place = str(full.path(cell(seed=3)))
    assert [found.path for found in full.find(cell(seed=3).key)] == [place]
    assert [found.path for found in full.find(cell(seed=3).key[:12])] == [place]
    first = cell(seed=3).key[0]
    assert {found.key for found in full.find(first)} == {k for s in range(40) if (k := cell(seed=s).key)[0] == first}


@pytest.mark.parametrize("prefix", ["", "*", "?", "[0-9]", "../", "/etc/passwd", "ABC", "\n", "a\n", "é", "a" * 5000])
def test_what_is_no_beginning_of_a_key_finds_nothing(full: Store, prefix: str) -> None:
    assert full.find(prefix) == []
