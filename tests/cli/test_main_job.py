"""The main job as a user meets it: a line for each cell, a leaderboard, its records and nothing else; once."""

from __future__ import annotations

import re

import pytest

from benchmark.results.store import Store
from tests.support.command import Bench, Ended
from tests.support.main_job import MAIN_JOB

pytestmark = pytest.mark.runs


def test_the_main_job_ends_well_with_a_line_for_each_cell(main_job: Ended) -> None:
    assert main_job.code == 0, main_job.err
    first, *others = main_job.err.splitlines()
    assert first.startswith("10 cells: 0 answered already, 10 to run on c")
    lines = [line for line in others if line and "/10" not in line]  # a busy machine has time for the bar to be drawn
    assert len(lines) == 10
    for line in lines:
        assert re.fullmatch(
            r"ok +\w+ +digits/mlp global 0(\.9)? seed [01]  accuracy \d\.\d{4}  .* s  [0-9a-f]{8}", line
        )


def test_the_main_job_prints_its_leaderboard(main_job: Ended) -> None:
    assert "digits / mlp, budget smoke: accuracy on the test split (higher is better)" in main_job.out
    for name in ("dense", "imp", "snip", "random", "magnitude"):
        assert re.search(rf"^ +[\d-]* +{name} ", main_job.out, re.MULTILINE)


def test_the_main_job_leaves_its_records_and_nothing_else(main_job: Ended, filled: Store) -> None:
    records = list(filled)
    assert filled.problems == []
    assert {(r.cell.algorithm, r.cell.seed) for r in records} == {
        (name, seed) for name in ("dense", "imp", "snip", "random", "magnitude") for seed in (0, 1)
    }
    assert all(r.status == "ok" and r.audit is not None and r.audit.passed for r in records)
    files = [file for file in filled.root.rglob("*") if file.is_file()]
    assert len(files) == 20  # masks beside each record


def test_the_main_job_again_is_a_no_op_that_says_so(filled: Store, bench: Bench) -> None:
    before = {file: file.stat().st_mtime_ns for file in filled.root.rglob("*.json")}
    ended = bench(*MAIN_JOB)
    assert ended.code == 0
    assert ended.err == "10 cells: 10 answered already, 0 to run\n"
    assert "magnitude" in ended.out
    assert {file: file.stat().st_mtime_ns for file in filled.root.rglob("*.json")} == before


def test_a_pipe_gets_no_escape_sequences(main_job: Ended) -> None:
    assert "\x1b" not in main_job.out + main_job.err
