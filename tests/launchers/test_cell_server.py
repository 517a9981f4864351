"""A process that answers the cells it is asked for: as a sweep does, wherever their results are to go."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.harness.question import Settings
from benchmark.launchers.cell_server import CellServer
from benchmark.launchers.ray_task import SERVE
from benchmark.launchers.request import Request, Response
from benchmark.plugins import registry
from benchmark.results import mask_files
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.sweep.leases import Leases
from benchmark.sweep.started import Limits
from benchmark.sweep.work import Work
from benchmark.sweep.workers import run_inline
from tests.support.said import said

pytestmark = pytest.mark.runs


def cell(seed: int = 0, **changes: Any) -> Cell:
    given = {"algorithm": "magnitude", "task": "digits", "model": "mlp", "sparsity": 0.9, "budget": "smoke"}
    return Cell.model_validate({**given, "seed": seed, **changes})


def asked(of: Cell, store: Store, limits: Limits = Limits()) -> Request:  # noqa: B008
    return Request.of(of, registry.algorithm(of.algorithm), Settings({"digits": Path("/not/here")}), store, limits)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CellServer]:
    made = CellServer(tmp_path_factory.mktemp("server"), lambda: False)
    yield made
    made.end()


@pytest.fixture(scope="module")
def locally(tmp_path_factory: pytest.TempPathFactory) -> Record:
    store, records = Store(tmp_path_factory.mktemp("locally")), list[Record]()
    run_inline(Work([cell()], Settings({"digits": Path()}), store, records.append))
    return records[0]


def alike(left: Record, right: Record) -> bool:
    """Whether they differ in nothing but where their algorithm ran."""
    return said(left, "refereed", "confined") == said(right, "refereed", "confined")


def test_where_results_are_shared_the_record_is_written_there(
    server: CellServer, locally: Record, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    with Leases(store.leases) as leases:
        leases.take(cell().key)
        request = asked(cell(), store)
        response = server.answer(request)
        assert response.record == store.get(cell())
        assert (response.kept, response.stored, response.masks) == (True, False, None)
        assert alike(store.records()[0], locally)
        first = store.path(cell()).stat()
        assert server.answer(request) == response, "it is there: asked again, as after a death, nothing is made twice"
        assert store.path(cell()).stat().st_mtime_ns == first.st_mtime_ns


def test_elsewhere_the_record_comes_back_with_its_masks(server: CellServer, locally: Record, tmp_path: Path) -> None:
    response = server.answer(asked(cell(), Store(tmp_path / "not shared")))
    assert response.record
    assert (response.kept, response.stored) == (False, True)
    assert alike(response.record, locally)
    assert response.masks
    masks = mask_files.unpack(response.masks.read_bytes())
    assert mask_files.digest(masks) == response.record.mask_digest
    assert Response.model_validate_json(response.model_dump_json(by_alias=True)) == response
    assert not (tmp_path / "not shared").exists()


def test_other_source_answers_nothing(server: CellServer, tmp_path: Path) -> None:
    request = asked(cell(), Store(tmp_path))
    other = request.model_copy(update={"code": {**request.code, "task": "other"}})
    response = server.answer(other)
    assert response.record is None
    assert response.exit_code == 3
    assert "the source of the task is not that of the machine" in response.problem


def test_data_that_this_machine_lacks_are_named(server: CellServer, tmp_path: Path) -> None:
    of = cell(task="mnist")
    settings = Settings({"mnist": Path("/not/here")})
    response = server.answer(Request.of(of, registry.algorithm(of.algorithm), settings, Store(tmp_path), Limits()))
    assert response.exit_code == 4
    assert "data set 'mnist' is not in /not/here" in response.problem


def test_limits_hold(server: CellServer, tmp_path: Path) -> None:
    of = cell(budget="100000-steps")
    response = server.answer(asked(of, Store(tmp_path), Limits(timeout=0.5)))
    assert response.record
    assert (response.record.status, response.stored) == ("timeout", True)


@pytest.mark.slow
def test_the_process_speaks_json_alone_and_ends_when_nobody_asks_any_more(tmp_path: Path) -> None:
    request = asked(cell(), Store(tmp_path)).model_dump_json()
    command = [sys.executable, "-P", "-c", SERVE]
    done = subprocess.run(command, input=f"{request}\n", capture_output=True, text=True, timeout=120, check=True)
    first, response = done.stdout.splitlines()
    folder = Path(json.loads(first)["folder"])
    assert Response.model_validate_json(response).record
    assert not folder.exists()
