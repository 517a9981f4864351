"""What the tests of the command share: the main job, run once."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmark.results.store import Store
from tests.support.command import Ended, bench_process
from tests.support.main_job import MAIN_JOB
from tests.support.once import once


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of the main job, in a folder with what the command said."""

    def make(folder: Path) -> None:
        ended = bench_process(*MAIN_JOB, PRUNEBENCH_RESULTS=folder / "results")
        (folder / "ended.json").write_text(json.dumps(asdict(ended)))

    return once(tmp_path_factory, "main-job", make) / "results"


@pytest.fixture(scope="session")
def main_job(results: Path) -> Ended:
    return Ended(**json.loads((results.parent / "ended.json").read_text()))


@pytest.fixture
def filled(main_job: Ended, results: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The records of the main job, where every verb looks for them."""
    assert main_job.code == 0
    monkeypatch.setenv("PRUNEBENCH_RESULTS", str(results))
    return Store(results)
