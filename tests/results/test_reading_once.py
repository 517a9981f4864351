"""`bench run` reads the results folder once, when it plans, however long it takes and whatever it shows meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.cli import progress
from benchmark.results import sources
from benchmark.results import store as store_module
from benchmark.results.outcome import outcome
from benchmark.results.pack import pack
from benchmark.results.sources import Source
from benchmark.results.store import Store
from benchmark.sweep.plan import Plan
from tests.support.command import Bench
from tests.support.generated import cell, ran

pytestmark = pytest.mark.runs

WORDS = ("run", "--algo", "random,dense", "--task", "digits", "--budget", "smoke", "--device", "cpu", "--results")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file, each line and each folder was read."""
    seen: Counter[str] = Counter()
    read, claimed = Source.read, sources.claimed

    def counted(source: Source) -> Source:
        seen[str(source)] += 1
        return read(source)

    def listed(records: Path) -> dict[str, list[Source]]:
        seen[str(records)] += 1
        return claimed(records)

    monkeypatch.setattr(Source, "read", counted)
    monkeypatch.setattr(store_module, "claimed", listed)
    return seen


@pytest.mark.parametrize("packed", [False, True], ids=["files", "lines"])
def test_a_run_reads_every_record_once(bench: Bench, tmp_path: Path, read: Counter[str], packed: bool) -> None:
    store = Store(tmp_path / "results")
    assert bench(*WORDS, store.root, "--seeds", "2", "--jobs", "0").code == 0
    if packed:
        pack(store, write=True)
    read.clear()
    ended = bench(*WORDS, store.root, "--seeds", "4", "--jobs", "1")
    assert ended.code == 0, ended.err
    assert "8 cells: 4 answered already, 4 to run" in ended.err
    assert read.pop(str(store.root / "records")) == 1
    assert len(read) == 4
    assert set(read.values()) == {1}
    assert len([line for line in ended.out.splitlines() if " 4 " in line]) >= 2, "the table has all seeds"


def test_a_sign_of_life_reads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], read: Counter[str]
) -> None:
    store = Store(tmp_path)
    known, open_ = ran(cell("imp", 0), 0.5, seconds=8), cell("imp", 1)
    store.put(known)
    planned = Plan([open_], [outcome(known)], store.outcomes(), {}, {})
    read.clear()
    monkeypatch.setattr(progress, "HEARTBEAT", 0.0)
    with progress.progress(planned, 1) as shown:
        for steps in (1, 2, 3):
            shown.running([SimpleNamespace(cell=open_, since=time.monotonic(), steps=steps)], 0)
    assert capsys.readouterr().err.strip().splitlines() == [f"0/1  imp 1 step {n}  about 8 s left" for n in (1, 2, 3)]
    assert not read
