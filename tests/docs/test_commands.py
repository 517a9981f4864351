"""Every command of the README and the documents is one: it is carried out, the long ones as far as the first step.

The pages lie in a folder as they do in a checkout, with the committed records. `bench run` and `bench experiment` say
what they would run; the slow tests then run it, for fewer steps and one seed. What installs is run by `.ci/run` and by
the tests of `bench new`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import chdir
from pathlib import Path

import click
import pytest
import torch
from safetensors.torch import save_file

from benchmark.cli import main
from benchmark.plugins import registry
from benchmark.plugins.new_package import TEMPLATES
from benchmark.plugins.sources import VARIABLE
from benchmark.results.store import Store
from tests.support.command import BENCH, ROOT, Ended, bench_here, bench_process
from tests.support.documents import PAGES, blocks, commands, in_sentences, tables
from tests.support.once import once

pytestmark = pytest.mark.runs

HISTORY = "CHANGELOG.md"
WITH_COMMANDS = sorted({block.page for block in blocks("sh")})
RUN_FOR_REAL = [page for page in WITH_COMMANDS if not page.startswith("results/") and "experiments/" not in page]
"""Tables and experiments take hours; each of their methods, tasks and questions has tests of its own."""

STANDS_FOR = {"KEY": "12b3f8", "d8d0ba9d": "12b3f8", "J": "4"}
"""The key of a committed record, for one that a reader has; and a number, for any."""

LATER = ("verify", "export", "measure", "check")
"""What trains, and so is run by the slow tests."""

ELSEWHERE = (["data", "fetch"], ["new"])
"""What is read only: no test has a network, and `bench new` would write what the pages say that a reader has. Both have
tests of their own, with a server and with other names, and so has `my-phrases`, tests/docs/test_examples.py."""


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a checkout's, with what the pages say that a reader has."""

    def lay(folder: Path) -> None:
        shutil.copytree(ROOT / "results", folder / "results", ignore=shutil.ignore_patterns("experiments"))
        shutil.copytree(ROOT / "docs", folder / "docs")
        shutil.copy(TEMPLATES / "algorithm" / "my_pruner.py", folder)
        [digits] = [block for block in blocks("python", "docs/plugins.md") if "my_digits = " in block.text]
        (folder / "my_digits.py").write_text(digits.text)
        [sweep] = blocks("yaml")
        (folder / "sweep.yaml").write_text(sweep.text)
        (folder / "DIR" / "records").mkdir(parents=True)
        shutil.copy(ROOT / "results" / "records" / "digits-mlp-full.jsonl", folder / "DIR" / "records")
        for name in ("bert-base", "mine"):
            (folder / name).mkdir()
        (folder / "bert-base" / "config.json").write_text('{"model_type": "bert", "vocab_size": 30522}')
        save_file(registry.task("cifar10").models["resnet-20"]().state_dict(), folder / "FILE.safetensors")

    return once(tmp_path_factory, "checkout", lay)


@pytest.fixture
def desk(laid_out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder is the working directory, whose `results` is the results folder; processes know its pruner."""
    monkeypatch.chdir(laid_out)
    monkeypatch.setenv("PRUNEBENCH_RESULTS", "results")
    monkeypatch.setenv(VARIABLE, str(laid_out / "my_pruner.py"))
    return laid_out


def commands_of(page: str, folder: Path) -> list[list[str]]:
    """The words after `bench` of all commands in the blocks of a page."""
    scripts = [block.text for block in blocks("sh", page) if "_BENCH_COMPLETE" not in block.text]
    called = [words for script in scripts for words in commands(script, folder)]
    return [[STANDS_FOR.get(word, word) for word in words[1:]] for words in called if words[0].endswith("bench")]


def is_elsewhere(words: list[str]) -> bool:
    return "my-phrases" in words or any(words[: len(begin)] == begin for begin in ELSEWHERE)


def planned(words: list[str]) -> Ended:
    """A command, or what it would do if it trains. Where there is a file of the user's it has a process of its own."""
    bench = bench_process if re.search(r"my[-_]", " ".join(words)) else bench_here
    if words[0] in ("run", "experiment"):
        at = words.index("--device") if "--device" in words and not torch.cuda.is_available() else len(words)
        return bench(*words[:at], *words[at + 2 :], "--dry-run")
    return bench(*words)


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.slow] * (page != "README.md")) for page in WITH_COMMANDS]
)
def test_its_commands_do_what_they_say_or_say_what_they_would_do(page: str, desk: Path) -> None:
    for words in commands_of(page, desk):
        if words[0] in LATER or is_elsewhere(words):
            parsed(words)
            continue
        ended = planned(words)
        assert ended.code == 0, f"bench {' '.join(words)}: {ended.err}"
        assert ended.out or ended.err, words


def parsed(words: list[str]) -> None:
    """Read the words of a command as click does, which raises where one is none."""
    command: click.Command = main
    context = None
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
        inner = command.get_command(context, words[0])
        assert inner, f"{command.name} has no command {words[0]}"
        command, words = inner, words[1:]
    if words or command is main:  # the name alone speaks of the command
        command.make_context(command.name, list(words), parent=context)


@pytest.mark.parametrize("page", [str(page.relative_to(ROOT)) for page in PAGES])
def test_the_commands_in_its_sentences_are_commands(page: str, desk: Path) -> None:
    for words in in_sentences(page):
        if page != HISTORY and "..." not in words:
            parsed([STANDS_FOR.get(word, word) for word in words[1:]])


LARGE = ("cifar10", "imagenet-subset", "sst2", "mlm", "text-lm")
"""Tasks whose networks take minutes a cell; they have tests of their own."""

LENGTHS = ("--budget", "--epochs", "--steps", "--seeds", "-n")


@pytest.fixture(scope="module")
def made_here(laid_out: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That folder, where the record that the pages name is one of this machine: others train it to other bits."""

    def make(folder: Path) -> None:
        with chdir(laid_out):
            [record] = [one for one in Store(Path("results")) if one.key.startswith(STANDS_FOR["KEY"])]
            words = record.provenance["command"].split()[1:]
            ended = bench_process(*words, "--rerun", "all", "--results", "results")
        assert ended.code == 0, ended.err

    once(tmp_path_factory, "made-here", make)
    return laid_out


def short(words: list[str], data: Path) -> list[str]:
    """A `bench run` for a few steps and one seed, with the data that are here."""
    kept = list(words)
    for flag in LENGTHS:
        while flag in kept:
            del kept[kept.index(flag) : kept.index(flag) + 2]
    at = kept.index("--data-root") if "--data-root" in kept else len(kept)
    return [*kept[:at], *kept[at + 2 :], "--budget", "smoke", "--data-root", str(data)]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_FOR_REAL)
def test_its_commands_run(page: str, made_here: Path, desk: Path, real_data: Path, tmp_path: Path) -> None:
    for words in commands_of(page, desk):
        named = words[words.index("--task") + 1] if "--task" in words else ""
        large = named.startswith(LARGE) or is_elsewhere(words)
        if (words[0] in LATER or words[0] == "run") and "slurm" not in words and not large:
            empty = str(tmp_path / "empty")
            wanted = [empty if words[at - 1] == "--to" else word for at, word in enumerate(words)]
            ended = bench_process(*(short(words, real_data) if words[0] == "run" else wanted))
            assert ended.code == 0, f"bench {' '.join(words)}: {ended.err}"


def test_the_start_up_lines_of_shells_are_scripts_of_theirs() -> None:
    [block] = [block for block in blocks("sh") if "_BENCH_COMPLETE" in block.text]
    shells = re.findall(r"_BENCH_COMPLETE=(\w+)_source bench", block.text)
    assert shells == ["bash", "zsh", "fish"]
    for shell in shells:
        there = os.environ | {"_BENCH_COMPLETE": f"{shell}_source"}
        script = subprocess.run([BENCH], env=there, capture_output=True, text=True, check=True).stdout
        assert f"_BENCH_COMPLETE={shell}_complete" in script
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_what_installs_is_what_continuous_integration_runs() -> None:
    ci = re.sub("--quiet |--check ", "", (ROOT / ".ci" / "run").read_text())
    for page in ("README.md", "CONTRIBUTING.md"):
        for block in blocks("sh", page):
            for command in block.text.strip().split(" && "):
                if ".venv" in command and " -m venv " not in command:
                    assert command.removeprefix(".venv/bin/") in ci, command


def test_the_rows_of_the_readme_are_those_that_its_command_prints() -> None:
    [command] = re.findall(r"Seven rows of `bench (.*)`:", (ROOT / "README.md").read_text())
    printed = bench_here(*command.split(), "--results", ROOT / "results", "--format", "md").out
    rows = {tuple(row[:2] + row[3:11]) for table in tables(printed) for row in table}  # no pattern, and no remarks
    [here] = tables((ROOT / "README.md").read_text())
    assert len(here) == 1 + 7, "a line of heads"
    assert {tuple(row) for row in here} <= rows


def test_the_figure_of_the_readme_shows_what_its_command_draws(tmp_path: Path) -> None:
    script = next(block.text for block in blocks("sh", "README.md") if block.text.startswith("bench plot"))
    [[_, *words]] = commands(script, tmp_path)
    words[words.index("docs/accuracy.svg")] = str(tmp_path / "drawn.svg")
    assert bench_here(*words, "--results", ROOT / "results").code == 0
    drawn, committed = (
        set(re.findall("<!-- (.*) -->", file.read_text()))  # names of rows, among all other words
        for file in (tmp_path / "drawn.svg", ROOT / "docs" / "accuracy.svg")
    )
    assert drawn == committed
