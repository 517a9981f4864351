"""What another machine is told of a cell: nothing is lost on its way, and it finds what lies elsewhere there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.harness.found import MaskFile
from benchmark.harness.question import Settings, Unloaded
from benchmark.harness.starts import StartFile
from benchmark.launchers.request import Request, differing, sources
from benchmark.results.cell import Cell
from benchmark.results.record import Ranking, failure
from benchmark.results.store import Store
from benchmark.sweep.leases import Holder, Leases
from benchmark.sweep.started import Limits

KEY = "ab" * 32
CELL = Cell(
    algorithm="transferred", options={"of": KEY}, task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=0
)
METHOD = Unloaded("transferred", absent={"of": "", "share": 0.1}, keys=frozenset({"of"}))


def request_of(store: Store, **changes: Any) -> Request:
    cell = CELL.model_copy(update={"start": KEY, **changes})
    start = StartFile(Path("starts/a.safetensors"), "12" * 32, "digits", {"trainings": 2.0}, "a remark")
    settings = Settings(
        {"digits": Path("data")},
        starts={(KEY, "digits", "mlp"): start},
        found={KEY: MaskFile(Path("masks/a.npz"), "34" * 32)},
        processes=2,
    )
    return Request.of(Cell.model_validate(cell.model_dump()), METHOD, settings, store, Limits(timeout=7.5))


def test_a_request_is_the_same_after_it_was_sent(tmp_path: Path) -> None:
    asked = request_of(Store(tmp_path))
    assert Request.model_validate_json(asked.model_dump_json()) == asked
    assert asked.algorithm.unloaded() == METHOD


def test_every_path_is_whole_so_that_it_means_the_same_in_another_folder(tmp_path: Path) -> None:
    asked = request_of(Store(Path("results")))
    assert asked.results == Path.cwd() / "results"
    assert asked.data == Path.cwd() / "data"
    assert asked.files == [Path.cwd() / "starts" / "a.safetensors", Path.cwd() / "masks" / "a.npz"]


def test_what_was_brought_is_read_where_it_lies(tmp_path: Path) -> None:
    asked = request_of(Store(tmp_path))
    there = asked.model_copy(update={"brought": {str(asked.files[1]): tmp_path / "brought.npz"}})
    settings = there.settings(Path("/here"))
    assert settings.folders == {"digits": Path("/here")}
    assert settings.processes == 2
    assert settings.found[KEY] == MaskFile(tmp_path / "brought.npz", "34" * 32)
    [start] = settings.starts.values()
    assert start == replace(asked.start, path=asked.files[0]) if asked.start else None


def test_a_results_folder_is_shared_where_it_has_the_lease_of_who_asks(tmp_path: Path) -> None:
    store = Store(tmp_path)
    asked = request_of(store)
    assert not asked.shares_results
    with Leases(store.leases) as leases:
        assert leases.take(asked.cell.key) is None
        assert asked.shares_results
        other = replace(Holder.here(), pid=1, begun="0")
        assert not asked.model_copy(update={"holder": other}).shares_results
        assert not asked.model_copy(update={"results": Path("/no/such/folder")}).shares_results
    assert not asked.shares_results


def test_a_record_that_lay_there_before_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = failure(CELL, Ranking(metric="accuracy", direction="max"), "failed", "a reason")
    assert request_of(store, start="").made(store) is None
    store.put(record)
    asked = request_of(store, start="")
    assert asked.made(store) is None
    os.utime(store.path(CELL), ns=(1, 1))
    assert asked.made(store) == record


@pytest.mark.parametrize("name", ["harness", "algorithm", "task"])
def test_other_source_is_named(name: str) -> None:
    here = sources(CELL.model_copy(update={"algorithm": "snip"}))
    assert set(here) == {"harness", "algorithm", "task"}
    assert all(len(digest) == 64 for digest in here.values())
    assert differing(here, here) == ""
    assert differing(here, {**here, name: "other"}) == name
