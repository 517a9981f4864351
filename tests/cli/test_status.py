"""`bench status`, `logs` and `rm`: how far a sweep is, what a cell printed, and records that go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark.results.pack import pack
from benchmark.results.record import failure
from benchmark.results.store import Store
from benchmark.sweep.leases import Leases
from tests.support.command import Bench, assert_one_clear_line
from tests.support.generated import cell, ran


@pytest.fixture
def filled(own: Store) -> Store:
    for name, seed in (("imp", 0), ("imp", 1), ("snip", 0)):
        own.put(ran(cell(name, seed), 0.5), b"masks")
        own.log(cell(name, seed)).parent.mkdir(parents=True, exist_ok=True)
        own.log(cell(name, seed)).write_text(f"{name} {seed} speaks\n")
    own.put(failure(cell("snip", 1), ran(cell("snip", 1), 0.5).ranking, "failed", "ValueError: no"))
    return own


def test_a_folder_tells_what_it_holds_and_what_runs_there(bench: Bench, filled: Store) -> None:
    with Leases(filled.leases) as leases:
        leases.take("abcdef0123", "imp on digits")
        told = json.loads(bench("status", "--format", "json").out)
    assert told[0] == {"table": str(filled.root), "done": 4, "failed": 1, "ok": 3, "running": 1}
    assert (told[1]["key"], told[1]["cell"]) == ("abcdef01", "imp on digits")
    assert told[1]["by"].startswith("process ")
    assert (told[2]["status"], told[2]["why"]) == ("failed", "ValueError: no")
    assert len(json.loads(bench("status", "--watch", "0.1", "--format", "json").out)) == 2, "nothing runs: it ends"


@pytest.mark.runs
def test_a_sweep_tells_how_far_it_is(bench: Bench, own: Store, tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("{algo: [dense, random], task: digits, budget: smoke, sparsity: 0.9, seeds: 2}")
    assert bench("run", "--algo", "dense", "--task", "digits", "--budget", "smoke", "--jobs", "0").code == 0
    [told] = json.loads(bench("status", file, "--format", "json").out)
    assert {name: told[name] for name in ("done", "ok", "running", "left", "time left")} == {
        "done": 1,
        "ok": 1,
        "running": 0,
        "left": 3,
        "time left": "at least 0 s",
    }
    assert_one_clear_line(bench("status", file.with_name("none.yaml")), 2, "cannot be read")


def test_logs_are_found_by_key(bench: Bench, filled: Store) -> None:
    assert bench("logs", cell("imp", 1).key[:12]).out == "imp 1 speaks\n"
    assert_one_clear_line(bench("logs", "0" * 64), 2, "no log of", "no record")
    quiet = bench("logs", cell("snip", 1).key)
    assert (quiet.code, quiet.out, quiet.err) == (0, "", f"run {cell('snip', 1).key[:8]} has printed nothing\n")
    assert_one_clear_line(bench("logs", "../imp"), 2, "no log of '../imp'")


@pytest.mark.parametrize("packed", [False, True])
def test_what_goes_goes_with_masks_and_logs(bench: Bench, filled: Store, packed: bool) -> None:
    if packed:
        pack(filled, write=True)
    assert_one_clear_line(bench("rm", "--algo", "imp"), 2, "this deletes 2 records of")
    assert_one_clear_line(bench("rm", "--yes"), 2, "say which records")
    assert_one_clear_line(bench("rm", "--status", "timeout", "--yes"), 2, "has the status timeout")
    assert len([*filled]) == 4
    assert bench("rm", "--algo", "imp", "--yes").err == f"deleted 2 records of {filled.root}\n"
    assert [record.cell.algorithm for record in filled] == ["snip", "snip"]
    assert not filled.masks(cell("imp", 0)).exists()
    assert not filled.log(cell("imp", 0)).exists()
    assert filled.masks(cell("snip", 0)).exists()
    assert bench("rm", "--status", "failed", "--yes").code == 0
    assert bench("rm", "--task", "digits", "--yes").code == 0
    assert not [file for file in (filled.root / "records").rglob("*") if file.is_file()]
