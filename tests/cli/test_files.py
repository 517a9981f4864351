"""Algorithms and tasks in files of the user's: run, described and checked without a package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.plugins import catalog, code
from benchmark.plugins.in_files import known
from benchmark.plugins.sources import VARIABLE
from benchmark.results.spelling import Choice
from benchmark.results.store import Store
from tests.support.command import assert_one_clear_line, bench_process

SOURCE = '''
from benchmark import Fraction, Run, algorithm, keep_top


@algorithm(paper="none")
def my_pruner(run: Run, *, share: Fraction = 0.5) -> None:
    """Mine: magnitude after a share of training.

    Options:
        share: of training before pruning
    """
    run.train(round(share * run.recipe.steps))
    run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, run.target))
    run.train()
'''


TASK = '''
"""Digits of mine."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset, random_split

from benchmark import Recipe, from_module


def network():
    return nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))


def splits(folder):
    images, labels = load_digits(return_X_y=True)
    examples = TensorDataset(torch.tensor(images / 16), torch.tensor(labels))
    return random_split(examples, [1437, 360], torch.Generator().manual_seed(0))


my_task = from_module(network, splits, Recipe(steps=200, batch_size=64, rate=0.1, momentum=0.9))
'''


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten_files: None) -> Path:
    """A file with one algorithm in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SOURCE)
    return tmp_path / "mine.py"


def test_on_the_command_line_it_is_named_by_its_file(file: Path) -> None:
    known([Choice("./mine.py")], "algorithm")
    assert catalog.typed("algorithm", "snip+my-pruner") == "snip+./mine.py"
    assert catalog.typed("algorithm", "imp") == "imp"


def test_a_file_stands_for_its_algorithm(file: Path) -> None:
    [choice] = known([Choice("./mine.py", {"share": "0.2"})], "algorithm")
    assert choice == Choice("my-pruner", {"share": "0.2"})
    assert os.environ[VARIABLE] == str(file)
    plugin = catalog.find("algorithm", "my-pruner")
    assert (plugin.distribution, plugin.file, plugin.options) == ("mine.py", str(file), ("share",))
    assert known([Choice("mine.py")], "algorithm") == [Choice("my-pruner")]
    assert os.environ[VARIABLE] == str(file), "once"


def test_names_stay_names(file: Path) -> None:
    assert known([Choice("imp", {"rewind": "0"}), Choice("spectral+imp")], "algorithm") == [
        Choice("imp", {"rewind": "0"}),
        Choice("spectral+imp"),
    ]
    assert known([Choice("spectral+./mine.py")], "algorithm") == [Choice("spectral+my-pruner")]


def test_the_digest_is_that_of_the_file(file: Path) -> None:
    known([Choice("mine.py")], "algorithm")
    before = code.digest("algorithm", "my-pruner")
    code.digest.cache_clear()
    file.write_text(SOURCE + "# edited\n")
    assert before
    assert code.digest("algorithm", "my-pruner") not in ("", before)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1\n", r"has to define one function under @algorithm\(...\), and it defines none"),
        (SOURCE + SOURCE.replace("my_pruner", "other"), "and it defines my-pruner, other"),
        (SOURCE.replace("my_pruner", "imp"), "defines 'imp', which is one of prunebench; give it another name"),
    ],
)
def test_what_a_file_cannot_be(content: str, message: str, file: Path) -> None:
    file.write_text(content)
    with pytest.raises(UsageError, match=message):
        known([Choice("mine.py")], "algorithm")
    assert not os.environ[VARIABLE]


def test_a_file_may_define_a_method_and_a_task(file: Path) -> None:
    file.write_text(f"{TASK}\n{SOURCE}")
    assert known([Choice("mine.py")], "algorithm") == [Choice("my-pruner")]
    assert known([Choice("mine.py", {"rate": "0.5"})], "task") == [Choice("my-task", {"rate": "0.5"})]
    assert catalog.typed("task", "my-task") == "./mine.py"
    with pytest.raises(UsageError, match=r"or one task \(.*\), and it defines my-pruner, my-task"):
        known([Choice("mine.py")], "algorithm", "task")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            SOURCE,
            r"has to define one task \(a function under @task, or .* from_module\(...\) returns\), and it .* none",
        ),
        (TASK.replace("my_task", "digits"), "defines 'digits', which is one of prunebench; give it another name"),
        (TASK.replace("my_task", "_hidden"), "and it defines none"),
    ],
)
def test_what_a_file_with_a_task_cannot_be(content: str, message: str, file: Path) -> None:
    file.write_text(content)
    with pytest.raises(UsageError, match=message):
        known([Choice("mine.py")], "task")


@pytest.mark.slow
def test_a_task_in_a_file_is_run_and_verified_from_its_command(file: Path) -> None:
    file.write_text(TASK)
    results = file.parent / "results"
    ended = bench_process("run", "-a", "magnitude", "-t", "./mine.py:rate=0.2", "--steps", "20", "-r", results)
    assert ended.code == 0, ended.err
    [record] = Store(results).records()
    assert (record.status, record.cell.task, record.cell.task_options) == ("ok", "my-task", {"rate": 0.2})
    assert "--task ./mine.py:rate=0.2" in record.provenance["command"]
    assert record.provenance["plugins"]["task"] == "mine.py"
    assert "magnitude" in bench_process("leaderboard", "-t", "./mine.py", "-r", results).out
    lost = bench_process("verify", record.key[:8], "--results", results)
    assert lost.code == 2
    assert "task 'my-task'" in lost.err
    assert f"was in a file; say where it is: {VARIABLE}=./mine.py" in lost.err
    found = bench_process("verify", record.key[:8], "--results", results, **{VARIABLE: "./mine.py"})
    assert "bit-equal" in found.err, found.err


@pytest.mark.slow
def test_it_runs_as_any_method_and_is_told_when_it_was_edited(file: Path) -> None:
    words = ("--task", "digits", "--budget", "smoke", "--results", file.parent / "results")
    ended = bench_process("run", "--algo", "./mine.py,./mine.py:share=0.2,magnitude", *words)
    assert ended.code == 0, ended.err
    records = Store(file.parent / "results").records()
    assert sorted(record.cell.algorithm for record in records) == ["magnitude", "my-pruner", "my-pruner"]
    assert all(record.status == "ok" for record in records)
    file.write_text(SOURCE + "# edited\n")
    again = bench_process("run", "--algo", "./mine.py", *words)
    assert "1 answered by other code (bench run --rerun stale)" in again.err


@pytest.mark.slow
def test_an_experiment_asks_about_a_task_in_a_file(file: Path) -> None:
    file.write_text(TASK)
    asked = "lottery:task=./mine.py,model=net,budget=smoke,seeds=1,rounds=1"
    ended = bench_process("experiment", asked, "--results", file.parent / "results")
    assert ended.code in (0, 1), ended.err
    assert {record.cell.task for record in Store(file.parent / "results").records()} == {"my-task"}


@pytest.mark.slow
def test_mistakes_are_one_clear_line(file: Path) -> None:
    words = ("--task", "digits", "--results", file.parent / "results")
    assert_one_clear_line(bench_process("run", "--algo", "./nowhere.py", *words), 2, "there is no file ./nowhere.py")
    file.write_text("def broken(:\n")
    assert_one_clear_line(bench_process("run", "--algo", "./mine.py", *words), 3, "SyntaxError in line 1: invalid")
    file.write_text(SOURCE.replace("my_pruner", "MyPruner"))
    assert_one_clear_line(bench_process("run", "--algo", "./mine.py", *words), 3, "MyPruner", "lower-case letters")
    file.write_text(SOURCE.replace("import Fraction", "import Fractoin"))
    assert_one_clear_line(bench_process("run", "--algo", "./mine.py", *words), 3, "Fractoin")
