"""Algorithms that cheat, each in one way: every one is caught by name or without effect, and harms no other cell.

Each lies in a file of its own in `tests/liars`. `OUTCOME` there says what comes of it: `without effect` (its record is
that of `honest`, which does the same without the lie), or the words with which it is caught.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.sweep import confinement
from tests.support.command import Ended, bench_process
from tests.support.outside import plant
from tests.support.said import said

LIARS = Path(__file__).parent.parent / "liars"

NEIGHBOURS = ("honest", "magnitude", "dense", "snip")
"""Honest cells of the same sweep."""

WITHOUT_EFFECT = "without effect"


def outcome_of(file: Path) -> str:
    """What the file of a liar says will come of it."""
    [said] = [
        node.value.value
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "OUTCOME"
    ]
    return said


OUTCOMES = {file.stem: outcome_of(file) for file in sorted(LIARS.glob("*.py")) if file.stem != "honest"}

FIRST = ("patched_evaluate", "patched_audit", "global_hook", "found_by_collector", "rewritten_records", "cleared_log")

AT_IMPORT = ("writing_import", "rewriting_at_exit", "patched_at_import", "killing_import", "unconfined_process")
"""Those that lie as soon as they are imported, and one that asks for a process beside its own."""

"""One liar of each kind."""


def spoken(name: str) -> str:
    """The name of the algorithm in a file."""
    return name.replace("_", "-")


def run(folder: Path, names: tuple[str, ...], *more: str) -> tuple[dict[str, Record], Ended]:
    """Run these methods on the digits, and return their records by name."""
    plugins = folder / "plugins"
    for name in ("honest", *OUTCOMES):
        plant(plugins, "algorithm", spoken(name), (LIARS / f"{name}.py").read_text())
    words = ("--task", "digits", "--budget", "smoke", "--jobs", "2", "--timeout", "60", *more)
    ended = bench_process(
        "run",
        "--algo",
        ",".join(map(spoken, names)),
        *words,
        "--results",
        folder / "results",
        PYTHONPATH=plugins,
        TMPDIR=folder,
    )
    return {record.cell.algorithm.replace("-", "_"): record for record in Store(folder / "results")}, ended


def content(record: Record) -> dict[str, Any]:
    """What two methods that do the same say alike."""
    values = said(record, "plugins", "code", "command")
    return {name: value for name, value in values.items() if name not in ("key", "cell")}


def judge(name: str, record: Record, honest: Record) -> None:
    """Check that the outcome of a lie is the one that its file says."""
    outcome = OUTCOMES[name]
    if outcome == "made, not training":
        assert record.status == "ok"
        assert any(outcome in note for note in record.notes)
    elif outcome == "slower":
        assert record.cost.seconds > 1
    elif outcome == WITHOUT_EFFECT or (outcome == "caught or without effect" and record.status == "ok"):
        assert record.error is None
        assert content(record) == content(honest)
    else:
        assert record.status == "failed"
        assert not record.metrics
        assert outcome == "caught or without effect" or outcome in str(record.error), record.error


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """The honest cells in a sweep without liars."""
    records, ended = run(tmp_path_factory.mktemp("alone"), NEIGHBOURS)
    assert ended.code == 0, ended.err
    return records


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """All liars and the honest cells in one sweep, the honest ones first and last."""
    if not confinement.version():
        pytest.skip("this kernel has no Landlock: workers are not confined")
    names = ("honest", "magnitude", *OUTCOMES, "dense", "snip")
    records, ended = run(tmp_path_factory.mktemp("together"), names)
    assert "Traceback" not in ended.err + ended.out
    assert ended.code == 1
    return records


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """Some liars and an honest cell."""
    if not confinement.version():
        pytest.skip("this kernel has no Landlock: workers are not confined")
    return run(tmp_path_factory.mktemp("few"), ("honest", *FIRST))[0]


@pytest.mark.runs
@pytest.mark.parametrize("name", FIRST)
def test_a_lie_of_each_kind(few: dict[str, Record], name: str) -> None:
    judge(name, few[name], few["honest"])


@pytest.mark.slow
def test_the_process_that_leads_imports_no_algorithm_from_outside(tmp_path: Path) -> None:
    if not confinement.version():
        pytest.skip("this kernel has no Landlock: workers are not confined")
    records, ended = run(tmp_path, ("honest", *AT_IMPORT))
    assert ended.code == 0, ended.err
    assert not (tmp_path / "results" / "planted.json").exists()
    for name in AT_IMPORT:
        judge(name, records[name], records["honest"])
    words = ("--results", tmp_path / "results", "--format", "json")
    again = bench_process(
        "verify", records["writing_import"].key, *words, PYTHONPATH=tmp_path / "plugins", TMPDIR=tmp_path
    )
    assert again.code == 0, again.err
    assert not (tmp_path / "results" / "planted.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTCOMES)
def test_a_lie_is_caught_by_name_or_without_effect(together: dict[str, Record], name: str) -> None:
    judge(name, together[name], together["honest"])


@pytest.mark.slow
@pytest.mark.parametrize("name", NEIGHBOURS)
def test_honest_cells_are_bit_equal_to_those_of_a_sweep_without_liars(
    alone: dict[str, Record], together: dict[str, Record], name: str
) -> None:
    assert content(together[name]) == content(alone[name])


@pytest.mark.slow
def test_every_record_says_that_it_was_refereed(together: dict[str, Record]) -> None:
    judged = [record for record in together.values() if record.status == "ok"]
    assert {(record.provenance["refereed"], record.provenance["confined"]) for record in judged} == {(True, True)}
