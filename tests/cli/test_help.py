"""Help, version, and words that no verb knows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from benchmark.cli import COMMANDS, main
from benchmark.results.store import Store
from tests.support.command import ROOT, Bench, assert_one_clear_line


@pytest.mark.parametrize("words", [["frobnicate"], ["run"], ["list", "cats"], ["leaderboard", "--format", "xml"]])
def test_wrong_usage_is_one_clear_line_and_exit_code_2(own: Store, bench: Bench, words: list[str]) -> None:
    assert_one_clear_line(bench(*words), 2)


def test_a_verb_that_is_misspelt_is_told_with_the_nearest_one(bench: Bench) -> None:
    assert_one_clear_line(bench("rnu"), 2, "no command named 'rnu'. Did you mean 'run'? (bench --help)")


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_has_help(bench: Bench, verb: str) -> None:
    ended = bench(verb, "-h")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: bench {verb} ")
    assert f"\n  {verb} " in bench("--help").out


def test_every_file_with_a_verb_is_one_of_the_command() -> None:
    context = click.Context(main)
    files = {file.stem for file in (ROOT / "benchmark" / "cli").glob("*.py")}
    verbs = [name for name in sorted(files) if main.get_command(context, name)]
    assert set(verbs) == {*COMMANDS, "job"}
    assert all(getattr(main.get_command(context, name), "name", "") == name for name in verbs)


@pytest.mark.runs
def test_help_imports_no_verb() -> None:
    ask = "import sys; from benchmark.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    loaded = said.splitlines()[-1].split()
    assert not {"benchmark.cli.run", "benchmark.plugins.catalog", "pydantic", "rich", "torch"} & {*loaded}


def test_the_version_is_that_of_the_distribution(bench: Bench) -> None:
    assert re.fullmatch(r"bench, version \d+\.\d+\.\d+\n", bench("--version").out)


def test_short_flags_say_what_long_ones_do(bench: Bench, tmp_path: Path) -> None:
    saved = [tmp_path / "short.yaml", tmp_path / "long.yaml"]
    short = ("-a", "snip", "-t", "digits", "-m", "mlp", "-s", "0.9", "-p", "layer", "-b", "smoke", "-n", "2", "-j", "1")
    long = ("--algo", "snip", "--task", "digits", "--model", "mlp", "--sparsity", "0.9", "--pattern", "layer")
    for words, file in ((short, saved[0]), ((*long, "--budget", "smoke", "--seeds", "2"), saved[1])):
        assert bench("run", *words, "-r", tmp_path, "--dry-run", "--save", file).code == 0
    assert saved[0].read_text() == saved[1].read_text()


def test_options_come_from_variables_too(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNEBENCH_RUN_SEEDS", "3")
    monkeypatch.setenv("PRUNEBENCH_RUN_ALGO", "snip random")
    asked = bench("run", "--task", "digits", "--sparsity", "0.9", "--results", tmp_path, "--dry-run")
    assert "6 cells" in asked.err + asked.out
    (tmp_path / "sweep.yaml").write_text("{algo: snip, task: digits}")
    both = bench("run", tmp_path / "sweep.yaml", "--results", tmp_path, "--dry-run")
    assert_one_clear_line(both, 2, "says what to run, and so does PRUNEBENCH_RUN_ALGO; leave out one or the other")
