"""A digest of a plug-in's source changes with what it is made of, and with nothing else; edited code is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmark.plugins import code as source
from benchmark.plugins.catalog import plugins
from benchmark.results.outcome import outcome
from benchmark.results.record import Verification
from tests.support.board import WHERE, cell, ran
from tests.support.command import ROOT


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the built-in algorithms, which stands for them."""
    folder = tmp_path / "algorithms"
    shutil.copytree(ROOT / "algorithms", folder)
    monkeypatch.setattr(source, "folder_of", lambda kind: folder)
    return folder


def digests() -> dict[str, str]:
    source.digest.cache_clear()
    source._named.cache_clear()
    return {name: source.digest("algorithm", name) for name in plugins("algorithm")}


@pytest.fixture(autouse=True)
def forgotten() -> None:
    source.digest.cache_clear()
    source._named.cache_clear()


def changed(file: Path) -> set[str]:
    before = digests()
    file.write_text(file.read_text() + "\n# edited\n")
    after = digests()
    source.digest.cache_clear()
    return {name for name in before if before[name] != after[name]}


def test_an_edit_of_a_method_is_of_that_method_alone(copied: Path) -> None:
    assert changed(copied / "granet.py") == {"granet"}


def test_an_edit_of_what_methods_share_is_of_these(copied: Path) -> None:
    assert changed(copied / "_learned.py") == {"biprop", "edge-popup", "gem-miner", "supsup"}
    assert changed(copied / "edges" / "_pairs.py") >= {"spectral"}, "imported by what it imports"


def test_a_chain_is_all_of_its_parts(copied: Path) -> None:
    before = source.digest("algorithm", "spectral+imp")
    assert changed(copied / "imp.py") == {"imp"}
    assert source.digest("algorithm", "spectral+imp") not in ("", before)


def test_what_is_not_here_has_no_digest() -> None:
    assert source.digest("algorithm", "nobody") == source.digest("algorithm", "imp+nobody") == ""


def test_records_of_other_code_are_told_and_those_without_a_digest_are_not() -> None:
    now = source.code("imp", "digits")
    old = ran(cell("imp"), 0.5)
    assert source.changes(old) == []
    same = ran(cell("imp"), 0.5, provenance=WHERE | {"code": now})
    assert source.changes(same) == source.changes(outcome(same)) == []
    edited = ran(cell("imp"), 0.5, provenance=WHERE | {"code": now | {"algorithm": "0" * 64}})
    assert source.changes(edited) == source.changes(outcome(edited)) == ["algorithm 'imp'"]
    again = Verification(when="2026-01-01T00:00:00+00:00", how="bit-equal", where={"code": dict(now)})
    assert source.changes(edited.model_copy(update={"verified": again})) == [], "the new code gives the same bits"
