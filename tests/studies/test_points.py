"""Points are the same however they are drawn, extended and never replaced, and written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmark.studies.points import Drawn, Points, completed, draw, missing, point

CALLS: list[int] = []


def one(rng: np.random.Generator, *, n: int, share: float = 0.5) -> dict[str, float | bool]:
    CALLS.append(n)
    value = float(rng.standard_normal(n).sum())
    return {"sum": value, "positive": np.bool_(value > 0), "n2": np.int64(n * 2)}


def failing(rng: np.random.Generator, *, n: int) -> dict[str, float]:
    if rng.random() > 0.5 or n > 2:
        raise ValueError("no such sum")
    return {"n": n}


def values(drawn: Drawn) -> list[object]:
    return [row["sum"] for row in drawn.rows]


def test_more_draws_extend_what_is_there(tmp_path: Path) -> None:
    points, asked = Points(tmp_path), [point("trial", one, {"n": n}) for n in (3, 4)]
    fifty = {place: values(drawn) for place, drawn in completed(points, asked, 5, 0)}
    CALLS.clear()
    more = {place: values(drawn) for place, drawn in completed(points, asked, 8, 0)}
    assert all(more[place][:5] == fifty[place] for place in asked)
    assert len(CALLS) == 6, "three more for each"
    assert dict(completed(points, asked, 5, 0)).keys() == set(asked)
    assert len(CALLS) == 6


def test_a_draw_has_a_stream_of_its_own() -> None:
    place = point("trial", one, {"n": 3})
    assert values(draw(place, 0, 6))[4:] == values(draw(place, 4, 6))
    assert values(draw(place, 0, 2)) != values(draw(point("trial", one, {"n": 3, "share": 0.25}), 0, 2))


@pytest.mark.runs
def test_processes_change_nothing(tmp_path: Path) -> None:
    from benchmark.experiments import rfss  # which workers can import

    asked = [point("rfss", rfss.hit, {"n": 8, "share": 0.5, "eps": 0.1, "z": 0.0})]
    here = dict(completed(Points(tmp_path / "here"), asked, 30, 0))
    there = dict(completed(Points(tmp_path / "there"), asked, 30, 2))
    assert here[asked[0]].rows == there[asked[0]].rows


def test_values_are_plain(tmp_path: Path) -> None:
    points, asked = Points(tmp_path), [point("trial", one, {"n": 3})]
    list(completed(points, asked, 2, 0))
    told = json.loads(points.path(asked[0]).read_bytes())
    assert told["columns"]["n2"] == [6, 6]
    assert all(isinstance(value, bool) for value in told["columns"]["positive"])
    assert told["values"] == {"n": 3}


def test_a_function_that_raises_costs_its_point(tmp_path: Path) -> None:
    points, asked = Points(tmp_path), [point("trial", failing, {"n": n}) for n in (1, 9)]
    found = dict(completed(points, asked, 40, 0))
    assert all("ValueError: no such sum" in drawn.error for drawn in found.values())
    assert missing(points, asked, 40) == [], "an error is an answer"
    assert missing(Points(tmp_path, "failed"), asked, 40) == asked


def test_a_damaged_file_is_named_and_drawn_again(tmp_path: Path) -> None:
    points, asked = Points(tmp_path), [point("trial", one, {"n": 3})]
    before = dict(completed(points, asked, 3, 0))[asked[0]].rows
    points.path(asked[0]).write_bytes(points.path(asked[0]).read_bytes()[:-20])
    assert dict(completed(points, asked, 3, 0))[asked[0]].rows == before
    assert any(asked[0].key in problem for problem in points.problems)


def test_all_is_drawn_again_once(tmp_path: Path) -> None:
    asked = [point("trial", one, {"n": 3})]
    list(completed(Points(tmp_path), asked, 3, 0))
    CALLS.clear()
    again = Points(tmp_path, "all")
    for _ in range(2):
        list(completed(again, asked, 3, 0))
    assert len(CALLS) == 3


def test_only_functions_of_a_module_are_drawn() -> None:
    with pytest.raises(TypeError, match="function of a module"):
        point("trial", lambda rng: {}, {})


def test_the_key_is_of_what_is_computed() -> None:
    keys = {point("trial", one, {"n": n, "share": share}).key for n in (1, 2) for share in (0.5, 0.25)}
    assert len(keys) == 4
    assert point("trial", one, {"n": 1, "share": 0.5}).key == point("trial", one, {"share": 0.5, "n": 1}).key
