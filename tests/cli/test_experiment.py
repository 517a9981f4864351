"""`bench experiment`: asked twice it runs nothing, interrupted it goes on, and both leave the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark.results.store import Store
from benchmark.studies.points import Points
from tests.support.command import Bench, assert_one_clear_line


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_they_are_listed_with_their_questions(bench: Bench) -> None:
    listed = json.loads(bench("experiment", "--format", "json").out)
    assert {"rfss", "lottery"} <= {one["name"] for one in listed}
    assert all(one["asks"].endswith("?") for one in listed)
    assert "rfss" in bench("list", "experiments").out
    assert "draws" in bench("info", "rfss").out


def test_what_is_wrong_is_told(bench: Bench, own: Store) -> None:
    assert_one_clear_line(bench("experiment", "rffs"), 2, "no experiment named 'rffs'. Did you mean 'rfss'?")
    assert_one_clear_line(bench("experiment", "rfss:drows=3"), 2, "no option of 'rfss' named 'drows'")
    assert_one_clear_line(bench("experiment", "rfss:draws=many"), 2, "cannot be 'many'; it takes whole number >= 1")
    assert_one_clear_line(bench("experiment", "rfss,lottery"), 2, "ask one at a time")

    assert not own.root.exists()


@pytest.mark.runs
def test_points_are_drawn_once_and_the_answer_keeps_its_bytes(
    bench: Bench, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("experiment", "rfss:n_most=14,draws=4,networks=0", "--jobs", "0")
    dry = bench(*words, "--dry-run")
    assert dry.code == 0
    assert "hit(eps=0.1, n=14, share=0.5, z=0.0)" in dry.out
    assert "and what follows from their answers" in dry.err
    assert not own.root.exists()

    def interrupted(self: Points, *rest: object) -> None:
        put(self, *rest)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    put = Points.put
    monkeypatch.setattr(Points, "put", interrupted)
    assert bench(*words).code == 130
    monkeypatch.setattr(Points, "put", put)
    assert len([*own.root.rglob("*.json")]) == 1, "the point that was finished is kept"

    assert bench(*words).code == 0
    folder = own.root / "experiments" / "rfss" / "n_most=14,draws=4,networks=0"
    first = contents(folder)
    assert first.keys() == {"rows.csv", "table.md", "claims.json", "collapse.svg", "every-target.svg"}
    monkeypatch.setattr(Points, "put", interrupted)
    again = bench(*words)
    assert (again.code, "nothing has changed" in again.err) == (0, True)
    assert contents(folder) == first


@pytest.mark.runs
def test_runs_are_records_like_any_others(bench: Bench, own: Store) -> None:
    words = ("experiment", "lottery:task=digits,model=mlp,budget=smoke,rounds=2,seeds=1", "--jobs", "0")
    ended = bench(*words)
    assert ended.code == 0
    asked = [record.cell for record in own]
    assert {cell.control for cell in asked} == {None, "reinit", "shuffle"}
    assert {cell.options.get("rounds") for cell in asked if cell.algorithm == "imp"} == {None, 1}
    [told] = [*own.root.rglob("claims.json")]
    claims = json.loads(told.read_bytes())
    assert all(one["verdict"] in ("not told apart", "uninformative") for one in claims["claims"]), "it is one seed"
    assert {one["n"] for one in claims["claims"]} <= {0, 1}, "0: no level keeps a fifth or less"
    again = bench(*words)
    assert "nothing has changed" in again.err
    assert len([*own]) == len(asked)
    assert bench("leaderboard").code == 0
