"""`bench check`: its exit codes, and the one thread it has."""

from __future__ import annotations

import json

import pytest
import torch

from benchmark.contract import check, pace
from benchmark.contract.finding import require_each
from tests.support.command import Bench, assert_one_clear_line


def holds(name: str) -> None:
    """A rule that everything keeps."""


def breaks(name: str) -> None:
    raise check.Broken(f"{name} is not as it should be")


@pytest.mark.parametrize(("rule", "code", "problem"), [(holds, 0, ""), (breaks, 1, "dense is not as it should be")])
def test_check_ends_with_1_where_a_rule_is_broken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, rule: check.Rule, code: int, problem: str
) -> None:
    monkeypatch.setitem(check.RULES, "algorithm", [rule])
    ended = bench("check", "dense", "--format", "json")
    assert ended.code == code
    row = {"name": "dense", "rule": rule.__name__, "problem": problem, "does not apply": "", "notes": []}
    assert json.loads(ended.out) == [row]


def test_check_has_one_thread(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def counts(name: str) -> None:
        raise check.Broken(f"{torch.get_num_threads()} threads")

    monkeypatch.setitem(check.RULES, "algorithm", [counts])
    torch.set_num_threads(2)
    try:
        [row] = json.loads(bench("check", "dense", "--format", "json").out)
    finally:
        torch.set_num_threads(1)
    assert row["problem"] == "1 threads"


def test_check_of_a_task_without_its_data_ends_with_4(bench: Bench) -> None:
    assert_one_clear_line(bench("check", "mnist"), 4, "data set 'mnist' is not in")


def test_each_rule_is_told_as_it_ends_and_what_breaks_it_beneath(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_twice(name: str) -> None:
        def case(number: int) -> None:
            raise check.Broken(f"case {number} fails", "mend it")

        require_each([1, 2], case)

    monkeypatch.setitem(check.RULES, "algorithm", [holds, fails_twice])
    ended = bench("check", "dense")
    assert ended.out.splitlines() == [
        "dense",
        "  ok    holds",
        "BROKEN  fails twice: case 1 fails",
        "          also case 2 fails",
        "          mend it",
    ]
    assert ended.err == "dense breaks fails twice\n"


def test_what_takes_long_is_left_out_in_haste(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def tells(name: str) -> None:
        raise check.Broken(pace.budget())

    monkeypatch.setitem(check.RULES, "algorithm", [tells])
    assert "tells: full" in bench("check", "dense").out
    assert "tells: smoke" in bench("check", "dense", "--fast").out
    monkeypatch.setattr(check, "LEFT_OUT", {tells})
    assert bench("check", "dense", "--fast").out.splitlines()[1:] == [
        "  -     tells: does not apply: it takes long, and --fast leaves it out"
    ]
