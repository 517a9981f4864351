"""The rules that every experiment follows. Each one takes its name, and raises `Broken` with what is wrong.

They run the experiment at its size `smoke`, through the command itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any, get_args
from xml.etree import ElementTree

from benchmark.contract import pace
from benchmark.contract.algorithm_rules import require_described
from benchmark.contract.finding import Rule, require
from benchmark.errors import DataMissing
from benchmark.studies.experiment import SIZES, named
from benchmark.studies.findings import Verdict

Files = dict[str, bytes]


def asks_a_question(name: str) -> None:
    """The docstring has a first line that ends with a question mark, and a line for every option."""
    experiment = named(name)
    require("?" in experiment.summary, "the first line of the docstring asks nothing; it is what a reader is told")
    require_described(experiment.options)


def has_every_size(name: str) -> None:
    """The options of each size are valid, and `smoke` is a size of its own."""
    experiment = named(name)
    for size in SIZES:
        experiment.resolve({}, size)
    require(bool(experiment.smoke), "it has no size smoke: @experiment(..., smoke={...}), a trial of seconds")


def answers_its_question(name: str) -> None:
    """It succeeds, every claim has a verdict, and there is a table or a figure, which can be read."""
    files = first_answer(name) if pace.is_fast() else trial(name).first
    told = json.loads(files["claims.json"])
    for claim in told["guards"] + told["claims"]:
        require(claim["verdict"] in get_args(Verdict), f"'{claim['claim']}' has the verdict '{claim['verdict']}'")
        require(claim["verdict"] != "incomplete", f"'{claim['claim']}' has {claim['reason']}")
    require(bool(told["claims"]), "it claims nothing; study.claim(SENTENCE, FINDING) says what its numbers mean")
    for file in files:
        if file.endswith(".svg"):
            ElementTree.fromstring(files[file])


def runs_nothing_when_asked_again(name: str) -> None:
    """A second call finds every run and point, and leaves every byte as it is."""
    again = trial(name)
    require(again.kept_after == again.kept_before, "a second call changes its records or points")
    require_same(again.first, again.second, "a second call")


def answers_the_same_after_an_interruption(name: str) -> None:
    """It continues from half of its records and points, and its final answer depends on records and points alone.

    Times differ from run to run, so the answer is compared with one that is read from the same records and points.
    """
    resumed = trial(name)
    require_same(resumed.resumed, resumed.read, "one that went on after an interruption")


def require_same(one: Files, other: Files, which: str) -> None:
    """Raise Broken with the files that differ."""
    different = sorted(file for file in one.keys() | other.keys() if one.get(file) != other.get(file))
    require(not different, f"{which} has other bytes in {', '.join(different)}")


@dataclass
class Trial:
    """What an experiment leaves when it is run, run again, and run after an interruption."""

    first: Files
    second: Files
    kept_before: Files
    kept_after: Files
    resumed: Files
    read: Files


@cache
def trial(name: str) -> Trial:
    """Run an experiment four times.

    Raises:
        DataMissing: its data are not on this machine.
        Broken: it fails.
    """
    with TemporaryDirectory(prefix="prunebench-") as folder:
        whole, half, copy = (Path(folder) / part for part in ("whole", "half", "copy"))
        first, kept_before = ask(name, whole), kept(whole)
        second, kept_after = ask(name, whole), kept(whole)
        copytree(whole, half)
        interrupt(half)
        resumed = ask(name, half)
        copytree(half, copy)
        forget_answers(copy)
        return Trial(first, second, kept_before, kept_after, resumed, ask(name, copy))


def first_answer(name: str) -> Files:
    """The answer of an experiment that is run once. Raises what `trial` does."""
    with TemporaryDirectory(prefix="prunebench-") as folder:
        return ask(name, Path(folder))


def ask(name: str, results: Path) -> Files:
    """Run an experiment by the command, and return the files of its answer."""
    command = [sys.executable, "-m", "benchmark", "experiment", name, "--size", "smoke", "--results", str(results)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    last = ended.stderr.strip().splitlines()[-1:] or ["it says nothing"]
    if ended.returncode == DataMissing.exit_code:
        raise DataMissing(last[0].removeprefix("Error: "))
    require(ended.returncode == 0, f"it ends with {ended.returncode}: {last[0]}")
    return contents(results / "experiments")


def kept(results: Path) -> Files:
    """Its records and points."""
    return contents(results / "records") | contents(results / "points")


def contents(folder: Path) -> Files:
    """Every file below a folder, by name."""
    return {file.name: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def interrupt(results: Path) -> None:
    """Leave what an interrupted call would have: the first half of the records and points, and no answer."""
    forget_answers(results)
    for kind in ("records", "points"):
        files = sorted((results / kind).rglob("*.json"), key=age)
        for file in files[(len(files) + 1) // 2 :]:
            file.unlink()


def age(file: Path) -> Any:
    """When a file was written."""
    return file.stat().st_mtime_ns


def forget_answers(results: Path) -> None:
    """Remove the answers, but not the records and points that they are based on."""
    for file in (results / "experiments").rglob("*"):
        if file.is_file():
            file.unlink()


EXPERIMENT_RULES: tuple[Rule, ...] = (
    asks_a_question,
    has_every_size,
    answers_its_question,
    runs_nothing_when_asked_again,
    answers_the_same_after_an_interruption,
)
"""Every rule, the quick ones first."""
