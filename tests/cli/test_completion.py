"""Completion of names and keys, as a shell asks for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from click.shell_completion import get_completion_class

from benchmark.cli import main
from benchmark.results.cell import Cell
from benchmark.results.record import Ranking, failure
from benchmark.results.store import Store

ASK = """
import json, sys
from benchmark.cli import main
try:
    main(prog_name="bench")
except SystemExit as end:
    heavy = sorted({"torch", "sklearn", "pandas", "matplotlib"} & set(sys.modules))
    print(json.dumps([end.code, heavy]))
"""


def asked(words: str, begun: str, shell: str) -> dict[str, str]:
    """The variables by which a shell asks what `bench WORDS BEGUN<tab>` may become."""
    place = begun if shell == "fish" else str(1 + len(words.split()))
    return {"_BENCH_COMPLETE": f"{shell}_complete", "COMP_WORDS": f"bench {words} {begun}", "COMP_CWORD": place}


def completed(words: str, begun: str, shell: str = "bash", **where: object) -> list[str]:
    """What a shell is told of `bench WORDS BEGUN<tab>`: lines of a type and a value, as bash gets them."""
    given = asked(words, begun, shell) | {name: str(value) for name, value in where.items()}
    kind = get_completion_class(shell)
    assert kind
    with patch.dict(os.environ, given):
        told = kind(main, {}, "bench", "_BENCH_COMPLETE").complete()
    return [line for line in told.splitlines() if line]


@pytest.mark.runs
@pytest.mark.parametrize(
    ("words", "begun", "told"),
    [
        ("run --algo", "snip,grane", "plain,snip,granet"),
        ("run --task", "mni", "plain,mnist"),
        ("run --control", "shuf", "plain,shuffle"),
        ("rnu --al", "g", ""),
    ],
)
def test_a_process_completes_without_what_takes_long_to_import(words: str, begun: str, told: str) -> None:
    given = os.environ | asked(words, begun, "bash")
    done = subprocess.run([sys.executable, "-c", ASK], env=given, capture_output=True, text=True, check=True)
    *lines, ended = done.stdout.splitlines()
    assert json.loads(ended) == [0, []], done.stderr
    assert "".join(lines) == told


@pytest.mark.parametrize(
    ("words", "begun", "told"),
    [
        ("run --algo", "grane", ["plain,granet"]),
        ("run -a", "snip,grane", ["plain,snip,granet"]),
        ("run -a", "spectral+grane", ["plain,spectral+granet"]),
        ("run -a", "./my", ["file,./my"]),
        ("run --task", "mni", ["plain,mnist"]),
        ("leaderboard --task", "mni", ["plain,mnist"]),
        ("check", "early-b", ["plain,early-bird"]),
        ("info", "sele", ["plain,selective"]),
        ("experiment", "plast", ["plain,plasticity"]),
        ("run --algo", "none-of-this-name", []),
        ("run --algo", "granet:dis", ["plain,granet:distribution="]),
        ("run --algo", "snip,imp:sc", ["plain,snip,imp:scope="]),
        ("run --algo", "granet:end=0.5,be", ["plain,granet:end=0.5,begin="]),
        ("run --algo", "granet:end=0.5,grasp:s", ["plain,granet:end=0.5,grasp:samples="]),
        ("run --algo", "granet:end=0.5,end", []),
        ("run --algo", "granet:distribution=", []),
        ("run --task", "cora:pr", ["plain,cora:protocol="]),
        ("experiment", "lottery:rou", ["plain,lottery:rounds="]),
        ("info", "imp,gran", []),
        ("run -p", "cha", ["plain,channels"]),
        ("run -p", "global,2", ["plain,global,2:4"]),
        ("run -b", "sm", ["plain,smoke"]),
        ("run --control", "shuffle,re", ["plain,shuffle,retrain", "plain,shuffle,reinit", "plain,shuffle,relayer"]),
        ("run --prunable", "no-l", ["plain,no-last"]),
        ("rnu --al", "g", []),
    ],
)
def test_names_are_completed(words: str, begun: str, told: list[str]) -> None:
    assert completed(words, begun) == told


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_what_a_name_means(shell: str) -> None:
    told = "\n".join(completed("run --algo", "grane", shell))
    assert "granet" in told
    assert "GraNet" in told


def test_options_are_shown_with_their_defaults() -> None:
    assert "default 0.5" in "\n".join(completed("run --algo", "granet:end", "zsh"))


def test_keys_are_completed_from_the_first_digit_on(tmp_path: Path) -> None:
    cell = Cell(algorithm="imp", task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=0)
    Store(tmp_path).put(failure(cell, Ranking(metric="accuracy", direction="max"), "failed", "a reason"))
    for verb in ("show", "logs", "verify", "export", "measure"):
        assert completed(f"{verb} --results {tmp_path}", cell.key[:2]) == [f"plain,{cell.key[:8]}"]
    assert completed("show", cell.key[:20], PRUNEBENCH_RESULTS=tmp_path) == [f"plain,{cell.key[:20]}"]
    assert completed(f"show --results {tmp_path}", "xyz") == []


@pytest.mark.runs
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_ask(shell: str) -> None:
    given = os.environ | {"_BENCH_COMPLETE": f"{shell}_source"}
    done = subprocess.run([sys.executable, "-c", ASK], env=given, capture_output=True, text=True, check=True)
    assert f"_BENCH_COMPLETE={shell}_complete" in done.stdout


SHELLS = {
    "bash": """
        eval "$(_BENCH_COMPLETE=bash_source bench)"
        COMP_WORDS=(bench {words} '{begun}'); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _bench_completion bench; printf '%s\\n' "${{COMPREPLY[@]}}"
    """,
    "fish": "_BENCH_COMPLETE=fish_source bench | source; complete -C 'bench {words} {begun}'",
}


@pytest.mark.runs
@pytest.mark.parametrize(
    ("words", "begun", "told"),
    [("run -a", "snip,grane", "snip,granet"), ("run -a", "granet:end=0.5,be", "granet:end=0.5,begin=")],
)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_lists_and_options(shell: str, words: str, begun: str, told: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    where = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    script = SHELLS[shell].format(words=words, begun=begun)
    done = subprocess.run([shell, "-c", script], env=where, capture_output=True, text=True, check=True)
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == [told], done.stderr
