"""Help, version, and words that no verb knows."""

from __future__ import annotations

import re

import pytest

from benchmark.results.store import Store
from tests.support.command import Bench, assert_one_clear_line


@pytest.mark.parametrize("words", [["frobnicate"], ["run"], ["list", "cats"], ["leaderboard", "--format", "xml"]])
def test_wrong_usage_is_one_clear_line_and_exit_code_2(own: Store, bench: Bench, words: list[str]) -> None:
    assert_one_clear_line(bench(*words), 2)


VERBS = ["run", "leaderboard", "compare", "plot", "show", "list", "info", "check", "doctor"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(bench: Bench, verb: str) -> None:
    ended = bench(verb, "-h")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: bench {verb} ")
    assert verb in bench("--help").out


def test_the_version_is_that_of_the_distribution(bench: Bench) -> None:
    assert re.fullmatch(r"bench, version \d+\.\d+\.\d+\n", bench("--version").out)
