"""What a record or a plug-in says cannot do harm, in any format."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.results.cell import Cell
from benchmark.results.record import Ranking, failure
from benchmark.results.store import Store
from tests.support.command import SMOKE, Bench, here
from tests.support.hostile import HOSTILE, hostile
from tests.support.outside import plant


@pytest.fixture(params=HOSTILE.values(), ids=HOSTILE)
def text(request: pytest.FixtureRequest, own: Store) -> str:
    """A text that stands as an option and as the error of a record; another record makes the option be shown."""
    own.put(hostile(request.param))
    own.put(hostile("plain"))
    return str(request.param)


def test_hostile_text_is_whole_in_json(own: Store, bench: Bench, text: str) -> None:
    told = json.loads(bench("show", hostile(text).key, "--format", "json").out)
    assert (told["error"], told["cell"]["options"]) == (text, {"name": text})
    rows = json.loads(bench("leaderboard", "--format", "json").out)
    assert {row["options"]["name"] for row in rows} == {text, "plain"}


def test_hostile_text_is_whole_in_csv(own: Store, bench: Bench, text: str) -> None:
    [told] = csv.DictReader(io.StringIO(bench("show", hostile(text).key, "--format", "csv").out, newline=""))
    assert told["error"] == text
    rows = list(csv.DictReader(io.StringIO(bench("leaderboard", "--format", "csv").out, newline="")))
    assert {json.loads(row["options"])["name"] for row in rows} == {text, "plain"}


def test_hostile_text_breaks_no_table(own: Store, bench: Bench, text: str) -> None:
    for words in (["show", hostile(text).key], ["leaderboard"]):
        ended = bench(*words)
        assert ended.code == 0, ended.err
        for piece in text.split():
            assert piece in ended.out


def columns(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line))


def test_hostile_text_breaks_no_markdown(own: Store, bench: Bench, text: str) -> None:
    for words in (["show", hostile(text).key], ["leaderboard"]):
        out = bench(*words, "--format", "md").out
        lines = [line for line in out.splitlines() if line and not line.startswith("**")]
        assert all(line.startswith("|") for line in lines)
        assert len({columns(line) for line in lines}) == 1


def test_hostile_text_breaks_no_latex(own: Store, bench: Bench, text: str) -> None:
    for words in (["show", hostile(text).key], ["leaderboard"]):
        out = bench(*words, "--format", "latex").out
        body = out.partition("\\midrule\n")[2].partition("\\bottomrule")[0].splitlines()
        width = out.partition("\\begin{tabular}{")[2].index("}")
        for line in body:
            assert line.endswith("\\\\")
            assert len(re.findall(r"(?<!\\)&", line)) == width - 1
            assert not re.search(r"(?<!\\)[%_#]", line)


def escaping(text: str) -> Any:
    return [character for character in text if ord(character) < 32 and character not in "\n\t"]


def test_no_escape_sequence_reaches_the_terminal(own: Store, bench: Bench) -> None:
    own.put(hostile("\x1b]0;owned\x07\x1b[2J"))
    own.put(hostile("plain"))
    for words in (["show", hostile("\x1b]0;owned\x07\x1b[2J").key], ["leaderboard"]):
        for form in ("table", "md", "latex"):
            assert not escaping(bench(*words, "--format", form).out)


def test_no_metric_name_leaves_its_latex_comment(own: Store, bench: Bench) -> None:
    cell = Cell(algorithm="imp", task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=0)
    own.put(failure(cell, Ranking(metric="accuracy\n\\input{secrets}", direction="max"), "failed", "no reason"))
    lines = bench("leaderboard", "--format", "latex").out.splitlines()
    assert not [line for line in lines if line.startswith("\\input")]


LOUD = """
    from benchmark import Run, algorithm

    @algorithm()
    def loud(run: Run) -> None:
        raise ValueError("first [red]line[/red]\\n\\nsecond line")
"""


@pytest.fixture
def loud(tmp_path: Path, known: Callable[[Path], None]) -> None:
    plant(tmp_path, "algorithm", "loud", LOUD)
    known(tmp_path)


@pytest.mark.runs
def test_markup_in_an_error_is_shown_as_it_is(own: Store, bench: Bench, loud: None) -> None:
    ended = here(bench, "loud")
    assert ended.code == 1
    assert "ValueError: first [red]line[/red]" in ended.err


@pytest.mark.runs
def test_an_error_of_several_lines_is_one_line_per_cell(own: Store, bench: Bench, loud: None) -> None:
    [line] = [line for line in here(bench, "loud").err.splitlines() if line.startswith("failed ")]
    assert "second line" in line


@pytest.mark.runs
@pytest.mark.parametrize("words", [["list"], ["leaderboard"], ["run", "--algo", "dense", *SMOKE, "--jobs", "0"]])
def test_no_color_means_no_colour_even_on_a_terminal(
    own: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    own.put(hostile("plain"))
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes everything for a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    ended = bench(*words)
    assert ended.code == 0
    assert not re.search(r"\x1b\[[0-9;]*(3|4|9|10)[0-9]m", ended.out + ended.err)
