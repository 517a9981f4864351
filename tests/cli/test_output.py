"""Output for programs: every reading verb in every format, with the same numbers in each."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from benchmark.results.store import Store
from tests.support.command import Bench, assert_one_clear_line


def test_an_empty_leaderboard_says_how_to_fill_it(own: Store, bench: Bench) -> None:
    assert_one_clear_line(bench("leaderboard"), 2, f"there is no folder {own.root}; fill one with: bench run --algo ")
    own.root.mkdir()
    assert_one_clear_line(bench("leaderboard"), 2, f"no record in {own.root} fits; fill it with: bench run --algo ")


READING = [
    ["list"],
    ["list", "tasks"],
    ["info", "imp"],
    ["info", "digits"],
    ["leaderboard"],
    ["leaderboard", "--algo", "imp,snip", "--sparsity", "0.9"],
    ["leaderboard", "--view", "compute"],
    ["leaderboard", "--view", "profile"],
    ["compare"],
    ["compare", "imp", "snip"],
    ["doctor"],
]


def any_key(store: Store) -> str:
    return next(iter(store)).key


@pytest.mark.runs
@pytest.mark.parametrize("words", [*READING, ["show"]], ids=" ".join)
def test_json_on_stdout_is_nothing_but_json(filled: Store, bench: Bench, words: list[str]) -> None:
    ended = bench(*words, *([any_key(filled)] if words == ["show"] else []), "--format", "json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out, parse_constant=pytest.fail)


@pytest.mark.runs
@pytest.mark.parametrize("words", [*READING, ["show"]], ids=" ".join)
def test_csv_has_a_value_in_every_column_of_every_row(filled: Store, bench: Bench, words: list[str]) -> None:
    ended = bench(*words, *([any_key(filled)] if words == ["show"] else []), "--format", "csv")
    header, *rows = csv.reader(io.StringIO(ended.out))
    assert rows
    assert all(len(row) == len(header) for row in rows)
    assert len(set(header)) == len(header)


@pytest.mark.runs
@pytest.mark.parametrize("form", ["table", "md", "latex"])
@pytest.mark.parametrize("words", [*READING, ["show"]], ids=" ".join)
def test_every_reading_verb_prints_every_format(filled: Store, bench: Bench, words: list[str], form: str) -> None:
    ended = bench(*words, *([any_key(filled)] if words == ["show"] else []), "--format", form)
    assert ended.code == 0
    assert ended.err == ""
    if form == "latex":
        assert ended.out.count("\\begin{tabular}") == ended.out.count("\\end{tabular}") >= 1
    if form == "md":
        assert all(line.startswith(("|", "**")) for line in ended.out.splitlines() if line)


def test_the_leaderboard_as_json_has_every_number(filled: Store, bench: Bench) -> None:
    rows = json.loads(bench("leaderboard", "--format", "json").out)
    wanted = "task model budget algorithm options pattern sparsity metric direction n mean std ci_low ci_high cost"
    assert all(set(wanted.split()) <= set(row) for row in rows)
    assert rows[0]["algorithm"] == "dense"
    assert {row["n"] for row in rows} == {2}
    means = [row["mean"] for row in rows if row["sparsity"] == 0.9]
    assert means == sorted(means, reverse=True)


def test_the_leaderboard_is_the_same_in_csv_as_in_json(filled: Store, bench: Bench) -> None:
    by_json = json.loads(bench("leaderboard", "--format", "json").out)
    by_csv = list(csv.DictReader(io.StringIO(bench("leaderboard", "--format", "csv").out)))
    for one, other in zip(by_json, by_csv, strict=True):
        assert float(other["mean"]) == one["mean"]
        assert json.loads(other["options"]) == one["options"]
        assert float(other["cost.training_steps"]) == one["cost"]["training_steps"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--algo", "imp"], {"imp"}),
        (["--sparsity", "0.9"], {"dense", "imp", "snip", "random", "magnitude"}),
        (["--sparsity", "0.5"], {"dense"}),
        (["--task", "digits", "--model", "mlp", "--budget", "smoke", "--pattern", "global", "--algo", "imp"], {"imp"}),
    ],
)  # fmt: skip
def test_the_leaderboard_can_be_narrowed(filled: Store, bench: Bench, words: list[str], names: set[str]) -> None:
    rows = json.loads(bench("leaderboard", *words, "--format", "json").out)
    assert {row["algorithm"] for row in rows} == names


def test_a_damaged_record_is_a_warning_beside_pure_json(filled: Store, bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(filled.root, tmp_path / "copy")
    damaged = next((tmp_path / "copy").rglob("*.json"))
    damaged.write_text("{")
    ended = bench("leaderboard", "--results", tmp_path / "copy", "--format", "json")
    assert ended.code == 0
    assert ended.err.startswith(f"Warning: skipped {damaged}: not a record")
    assert sum(row["n"] for row in json.loads(ended.out)) == 9


def test_results_are_looked_for_in_the_flag_before_the_variable(filled: Store, bench: Bench, tmp_path: Path) -> None:
    assert bench("leaderboard").code == 0
    assert bench("leaderboard", "--results", tmp_path).code == 2
