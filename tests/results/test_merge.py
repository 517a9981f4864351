"""Merging brings in what is sound and new, says what it refuses and why, and never leaves half a record."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.results import mask_files
from benchmark.results.cell import Cell
from benchmark.results.measured import add, file_of, measurements
from benchmark.results.record import Audit, Cost, Density, LayerCount, Ranking, Record, failure
from benchmark.results.store import Store
from benchmark.results.validity import problems_of
from tests.support.command import Bench
from tests.support.measured import measurement

RANKING = Ranking(metric="accuracy", direction="max")


def cell(seed: int = 0, **changes: Any) -> Cell:
    given = {"algorithm": "imp", "task": "digits", "model": "mlp", "sparsity": 0.9, "budget": "short"}
    return Cell.model_validate(given | {"seed": seed} | changes)


def ran(of: Cell, score: float = 0.9, kept: int = 10, total: int = 100, **changes: Any) -> Record:
    record = Record(
        key=of.key,
        cell=of,
        status="ok",
        ranking=RANKING,
        metrics={"accuracy": score},
        density=Density(weights=kept / total, parameters=kept / total, effective=kept / total),
        layers={"fc.weight": LayerCount(total=total, kept=kept, effective=kept)},
        audit=Audit(passed=True),
        mask_digest="a" * 64,
    )
    return record.model_copy(update=changes)


@pytest.fixture
def theirs(tmp_path: Path) -> Store:
    return Store(tmp_path / "theirs")


@pytest.fixture
def ours(tmp_path: Path) -> Store:
    return Store(tmp_path / "ours")


def counts(out: str) -> dict[str, int]:
    [row] = json.loads(out)
    return {name: value for name, value in row.items() if name != "from" and value}


@pytest.fixture
def merge(bench: Bench, theirs: Store, ours: Store) -> Callable[..., tuple[int, dict[str, int], str]]:
    """`merge(*options)`: exit code, counts that are not zero, and stderr."""

    def run(*options: str) -> tuple[int, dict[str, int], str]:
        ended = bench("merge", theirs.root, "--results", ours.root, "--format", "json", *options)
        return ended.code, counts(ended.out), ended.err

    return run


Merge = Callable[..., tuple[int, dict[str, int], str]]

# --- what is brought in -----------------------------------------------------------------------------------------------


def test_what_was_measured_elsewhere_comes_with_its_record(theirs: Store, ours: Store, merge: Merge) -> None:
    """What was measured here under the same conditions stays; of a network that differs, nothing comes."""
    here, there = measurement(), measurement(where={"processor": "two"})
    other = measurement(faster=(9, 8, 10))
    for store, scores in ((ours, (0.9, 0.9)), (theirs, (0.9, 0.8))):
        for seed, score in enumerate(scores):
            store.put(ran(cell(seed), score))
    add(ours.root, cell(0), [here])
    for seed in range(2):
        add(theirs.root, cell(seed), [other, there])
    assert merge("--dry-run")[:2] == (0, {"same": 1, "differing": 1, "measurements": 1})
    assert measurements(ours.root, cell(0)) == [here]
    assert merge()[:2] == (0, {"same": 1, "differing": 1, "measurements": 1})
    assert measurements(ours.root, cell(0)) == [here, there]
    assert measurements(ours.root, cell(1)) == []
    assert merge()[1] == {"same": 1, "differing": 1}


def test_what_was_measured_of_a_replaced_network_goes_with_it(theirs: Store, ours: Store, merge: Merge) -> None:
    before, after = measurement(faster=(9, 8, 10)), measurement(faster=(2, 1.5, 3))
    for seed in range(2):
        ours.put(ran(cell(seed), 0.9))
        theirs.put(ran(cell(seed), 0.8))
        add(ours.root, cell(seed), [before])
    add(theirs.root, cell(0), [after])
    assert merge("--replace", "--dry-run")[:2] == (0, {"replaced": 2, "measurements": 1})
    assert measurements(ours.root, cell(0)) == [before]
    assert merge("--replace")[:2] == (0, {"replaced": 2, "measurements": 1})
    assert [measurements(ours.root, cell(seed)) for seed in range(2)] == [[after], []]


def test_measurements_that_cannot_be_read_are_refused(theirs: Store, merge: Merge) -> None:
    theirs.put(ran(cell(0)))
    file_of(theirs.root, cell(0)).parent.mkdir()
    file_of(theirs.root, cell(0)).write_text("[1]")
    code, found, err = merge()
    assert (code, found) == (5, {"new": 1, "refused": 1})
    assert "has no measurements that can be read" in err


def test_new_records_come_in_byte_for_byte(theirs: Store, ours: Store, merge: Merge) -> None:
    theirs.put(ran(cell(0)))
    theirs.put(failure(cell(1), RANKING, "failed", "a reason"))
    assert merge()[:2] == (0, {"new": 2})
    for record in theirs:
        assert ours.path(record.cell).read_bytes() == theirs.path(record.cell).read_bytes()


def test_the_same_answer_from_elsewhere_leaves_ours_alone(theirs: Store, ours: Store, merge: Merge) -> None:
    ours.put(ran(cell(), cost=Cost(seconds=1)))
    theirs.put(ran(cell(), cost=Cost(seconds=2), where={"processor": "another"}))
    before = ours.path(cell()).read_bytes()
    assert merge()[:2] == (0, {"same": 1})
    assert merge("--replace")[:2] == (0, {"same": 1})
    assert ours.path(cell()).read_bytes() == before


def test_where_answers_differ_ours_stays_unless_theirs_is_asked_for(theirs: Store, ours: Store, merge: Merge) -> None:
    ours.put(ran(cell(), 0.9))
    theirs.put(ran(cell(), 0.8))
    code, found, err = merge()
    assert (code, found) == (0, {"differing": 1})
    assert "another answer than ours" in err
    assert next(iter(ours)).score == 0.9
    assert merge("--replace")[:2] == (0, {"replaced": 1})
    assert next(iter(ours)).score == 0.8


def test_a_run_that_ended_well_replaces_one_that_did_not_and_never_the_other_way(
    theirs: Store, ours: Store, merge: Merge
) -> None:
    ours.put(failure(cell(0), RANKING, "failed", "a reason"))
    theirs.put(ran(cell(0)))
    ours.put(ran(cell(1)))
    theirs.put(failure(cell(1), RANKING, "failed", "a reason"))
    assert merge()[:2] == (0, {"replaced": 1, "differing": 1})
    assert {record.status for record in ours} == {"ok"}


def test_merging_twice_changes_nothing(theirs: Store, ours: Store, merge: Merge) -> None:
    theirs.put(ran(cell()))
    assert merge()[1] == {"new": 1}
    assert merge()[1] == {"same": 1}


def test_a_dry_run_writes_nothing(theirs: Store, ours: Store, merge: Merge) -> None:
    theirs.put(ran(cell()))
    assert merge("--dry-run")[:2] == (0, {"new": 1})
    assert not ours.root.exists()


def test_masks_come_with_their_record_and_are_looked_into(theirs: Store, ours: Store, merge: Merge) -> None:
    mask = {"fc.weight": np.arange(100) < 10}
    theirs.put(ran(cell(0), mask_digest=mask_files.digest(mask)), mask_files.pack(mask))
    theirs.put(ran(cell(1), mask_digest="b" * 64), mask_files.pack(mask))
    code, found, err = merge()
    assert (code, found) == (5, {"new": 1, "refused": 1, "masks": 1})
    assert "its masks have another digest" in err
    assert ours.masks(cell(0)).read_bytes() == theirs.masks(cell(0)).read_bytes()
    assert not ours.masks(cell(1)).exists()


def test_several_folders_come_together(theirs: Store, ours: Store, bench: Bench, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    theirs.put(ran(cell(0)))
    other.put(ran(cell(1)))
    assert bench("merge", theirs.root, other.root, "--results", ours.root).code == 0
    assert {record.cell.seed for record in ours} == {0, 1}


# --- what is refused --------------------------------------------------------------------------------------------------


def spoilt(store: Store, change: Callable[[dict[str, Any]], None], **where: Any) -> Path:
    """A record on disk with one thing changed behind the harness's back."""
    store.put(ran(cell(**where)))
    path = store.path(cell(**where))
    data = json.loads(path.read_text())
    del data["digest"]
    change(data)
    path.write_text(json.dumps(data))
    return path


TAMPERED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another sparsity": (lambda d: d["cell"].update(sparsity=0.95), "the key is not that of the cell"),
    "another seed": (lambda d: d["cell"].update(seed=7), "the key is not that of the cell"),
    "another schema": (lambda d: d.update(schema=2), "schema"),
    "a field more": (lambda d: d.update(bonus=1), "bonus"),
    "an audit not passed": (lambda d: d.update(audit={"passed": False, "breaches": ["x"]}), "audit was not passed"),
    "no audit": (lambda d: d.update(audit=None), "audit was not passed"),
    "no ranking metric": (lambda d: d.update(metrics={"loss": 1.0}), "has no accuracy"),
    "no mask": (lambda d: d.update(mask_digest=None), "no digest of its mask"),
    "another density": (lambda d: d["density"].update(weights=0.05), "density.weights is 0.05"),
    "another live share": (lambda d: d["density"].update(effective=0.01), "density.effective is 0.01"),
    "no density": (lambda d: d.update(density=None), "it has no density"),
    "more kept than there are": (lambda d: d["layers"]["fc.weight"].update(kept=101), "101 kept of 100"),
    "a metric after a failure": (lambda d: d.update(status="failed"), "did not end well"),
}


@pytest.mark.parametrize(("change", "why"), TAMPERED.values(), ids=TAMPERED.keys())
def test_a_tampered_record_is_refused_and_the_others_come_in(
    theirs: Store, ours: Store, merge: Merge, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    path = spoilt(theirs, change)
    theirs.put(ran(cell(1)))
    code, found, err = merge()
    assert (code, found) == (5, {"new": 1, "refused": 1})
    assert f"Refused {path}" in err
    assert why in err
    assert [record.cell.seed for record in ours] == [1]


def test_counts_that_are_not_the_sparsitys_are_refused_with_a_key_that_fits(theirs: Store, merge: Merge) -> None:
    """Sparsity edited, and the key and the place with it: the layers still tell."""
    theirs.put(ran(cell(sparsity=0.95)))
    code, _, err = merge()
    assert code == 5
    assert "the network keeps 10 of 100 weights, and the cell asks for 5" in err


def test_a_record_in_another_place_is_refused(theirs: Store, merge: Merge) -> None:
    theirs.put(ran(cell()))
    path = theirs.path(cell())
    os.rename(path, path.with_name("0" * 64 + ".json"))
    code, found, err = merge()
    assert (code, found) == (5, {"refused": 1})
    assert "a record of another place" in err


def test_a_record_at_another_depth_is_refused(theirs: Store, merge: Merge) -> None:
    theirs.put(ran(cell()))
    path = theirs.path(cell())
    os.rename(path, path.parent.parent / path.name)
    code, found, err = merge()
    assert (code, found) == (5, {"refused": 1})
    assert "not in records/<task>/<algorithm>/" in err


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", b'{"schema": 1'])
def test_what_is_no_record_is_refused(theirs: Store, merge: Merge, content: bytes) -> None:
    theirs.put(ran(cell()))
    theirs.path(cell()).write_bytes(content)
    code, found, err = merge()
    assert (code, found) == (5, {"refused": 1})
    assert "not a record" in err


def test_a_folder_without_records_is_a_mistake(bench: Bench, tmp_path: Path) -> None:
    ended = bench("merge", tmp_path, "--results", tmp_path / "ours")
    assert ended.code == 2
    assert "it has no records/" in ended.err


def test_a_folder_is_not_merged_into_itself(bench: Bench, theirs: Store) -> None:
    theirs.put(ran(cell()))
    assert bench("merge", theirs.root, "--results", theirs.root).code == 2


def test_an_interrupted_write_leaves_no_half_record(
    theirs: Store, ours: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs.put(ran(cell()))

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    assert bench("merge", theirs.root, "--results", ours.root).code == 130
    assert [file for file in ours.root.rglob("*") if file.is_file()] == []


# --- soundness --------------------------------------------------------------------------------------------------------


def layered(pattern: str, sparsity: float, layers: dict[str, tuple[int, int, str]], **changes: Any) -> Record:
    kept, total = sum(k for k, _, _ in layers.values()), sum(n for _, n, _ in layers.values())
    found = {name: LayerCount(total=n, kept=k, effective=k, note=note) for name, (k, n, note) in layers.items()}
    return ran(cell(pattern=pattern, sparsity=sparsity, **changes), kept=kept, total=total, layers=found)


PATTERNS = [
    ("global", 0.9, {"a": (1, 50, ""), "b": (9, 50, "")}, ""),
    ("global", 0.9, {"a": (1, 50, ""), "b": (8, 50, "")}, "the network keeps 9 of 100"),
    ("layer", 0.9, {"a": (5, 50, ""), "b": (5, 50, "")}, ""),
    ("layer", 0.9, {"a": (4, 50, ""), "b": (6, 50, "")}, "'a' keeps 4 of 50 weights, and the cell asks for 5"),
    ("2:4", 0.5, {"a": (20, 40, ""), "b": (30, 30, "3 input channels are not a multiple of 4")}, ""),
    ("2:4", 0.5, {"a": (20, 40, ""), "b": (15, 30, "3 input channels are not a multiple of 4")}, "'b' keeps 15 of 30"),
    ("2:4", 0.5, {"a": (19, 40, "")}, "'a' keeps 19 of 40"),
    ("channels", 0.5, {"a": (13, 40, "")}, ""),
]


@pytest.mark.parametrize(("pattern", "sparsity", "layers", "flaw"), PATTERNS)
def test_counts_follow_the_pattern(
    pattern: str, sparsity: float, layers: dict[str, tuple[int, int, str]], flaw: str
) -> None:
    found = problems_of(layered(pattern, sparsity, layers))
    assert found == [] if not flaw else flaw in found[0]


def test_a_dense_network_of_equal_size_keeps_everything() -> None:
    dense = {"control": "dense-small"}
    assert problems_of(layered("global", 0.9, {"a": (10, 10, "")}, options=dense)) == []
    assert "'a' keeps 9 of 10" in problems_of(layered("global", 0.9, {"a": (9, 10, "")}, options=dense))[0]


def test_sparsity_of_edges_asks_nothing_of_weights() -> None:
    record = ran(cell(), kept=100)
    assert problems_of(record)
    edges = Density(weights=1.0, parameters=1.0, effective=1.0, edges=0.1)
    assert problems_of(record.model_copy(update={"density": edges})) == []
