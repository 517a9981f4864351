"""`evaluate` in a script, as a user writes one: without a guard, edited and run again, interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmark import DataMissing, PluginError, Run, UsageError, evaluate, records
from benchmark.results.store import Store

pytestmark = pytest.mark.runs

SCRIPT = '''
from benchmark import Run, algorithm, evaluate, keep_top
from benchmark.scores import magnitude

SHARE = 0.5

@algorithm(paper="none")
def my_pruner(run: Run, *, share: float = 0.5) -> None:
    """Mine."""
    run.train(round(SHARE * run.recipe.steps))
    run.prune(keep_top(magnitude(run.weights), run.target))
    run.train()

runs = evaluate(my_pruner, "random,my-pruner:share=0.1", task="digits", sparsity=0.9, seeds=2, budget="smoke")
print(",".join(f"{m} {s}" for m, s in zip(runs.method, runs.seed)))
'''


def script(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(source)
    command = [sys.executable, "mine.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
def test_a_script_evaluates_its_own_pruner_and_again_when_it_is_edited(tmp_path: Path) -> None:
    first = script(tmp_path, SCRIPT)
    assert first.returncode == 0, first.stderr
    methods = "my-pruner 0,random 0,my-pruner:share=0.1 0,my-pruner 1,random 1,my-pruner:share=0.1 1"
    assert sorted(first.stdout.strip().split(",")) == sorted(methods.split(","))
    assert "6 cells: 0 answered already, 6 to run" in first.stderr
    before = {one.key: one for one in Store(tmp_path / "results").records()}
    again = script(tmp_path, SCRIPT)
    assert "6 cells: 6 answered already, 0 to run" in again.stderr
    edited = script(tmp_path, SCRIPT.replace("SHARE = 0.5", "SHARE = 0.25"))
    assert "6 cells: 2 answered already, 4 to run" in edited.stderr, "those of the pruner, whose constant is another"
    after = {one.key: one for one in Store(tmp_path / "results").records()}
    assert before.keys() == after.keys()
    changed = {after[key].cell.algorithm for key in after if after[key].code != before[key].code}
    assert changed == {"my-pruner"}


@pytest.mark.slow
def test_an_interrupt_ends_the_cells_and_keeps_what_is_finished(tmp_path: Path) -> None:
    """As a notebook sends it: to the process of the notebook alone."""
    (tmp_path / "mine.py").write_text(SCRIPT.replace("seeds=2", "seeds=200"))
    command = [sys.executable, "-u", "mine.py"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = next(line for line in process.stderr if line.startswith("ok"))
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
    assert process.returncode != 0
    assert "the same command goes on from there" in said
    assert "KeyboardInterrupt" in said
    kept = len(Store(tmp_path / "results").records())
    assert 0 < kept < 600
    time.sleep(1)
    assert len(Store(tmp_path / "results").records()) == kept, "nothing goes on"


TASK_OF_A_SCRIPT = """
import torch
from benchmark import Recipe, evaluate, from_module, task
from torch import nn
from torch.utils.data import TensorDataset

def split(seed):
    examples = torch.randn(200, 6, generator=torch.Generator().manual_seed(seed))
    return TensorDataset(examples, examples.argmax(1))

def splits(folder):
    return split(0), split(1)

@task
def largest(*, width: int = 8):
    '''Which of six numbers is the largest.'''
    return from_module(
        lambda: nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 6)),
        splits,
        Recipe(steps=100, batch_size=20, rate=0.5),
    )

runs = evaluate("magnitude", "random", task=[largest, "largest:width=16"], sparsity=0.5, steps=50)
print(sorted({(run.task, run.status) for run in runs.itertuples()}))
"""


@pytest.mark.slow
def test_a_script_evaluates_methods_on_its_own_task(tmp_path: Path) -> None:
    ended = script(tmp_path, TASK_OF_A_SCRIPT)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "[('largest', 'ok'), ('largest:width=16', 'ok')]\n"
    assert (tmp_path / "results" / "code" / "largest.py").is_file()


def plain(run: Run) -> None: ...


@pytest.mark.parametrize(
    ("pruner", "words", "says"),
    [
        (plain, {}, r"the algorithm plain has no name: write a function under @algorithm\(...\), or give a name"),
        (3, {}, "the algorithm of type int has no name"),
        ("random", {"task": plain}, "the task plain has no name: write a function under @task"),
        ("random", {"seeds": 0}, "seeds says how many there are, 1 at least, or which; got 0"),
        ("random", {"sparsity": "many"}, "sparsity takes one number or several, got 'many'"),
        ("random", {"sparsity": None}, "sparsity takes one number or several, got None"),
    ],
)
def test_wrong_arguments_are_told_before_anything_runs(pruner: Any, words: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        evaluate(pruner, **{"task": "digits", **words})


@pytest.mark.slow
def test_names_and_files_and_errors_in_a_process_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = evaluate("random", task="digits", sparsity=[0.9, 0.5], seeds=[3], budget="smoke")
    assert [*zip(runs["algorithm"], runs["sparsity"], runs["seed"], runs["status"], strict=True)] == [
        ("random", 0.9, 3, "ok"),
        ("random", 0.5, 3, "ok"),
    ]
    assert "2 cells: 0 answered already, 2 to run on cpu" in capsys.readouterr().err
    assert sorted(records()["key"]) == sorted(runs["key"])
    with pytest.raises(UsageError, match=r"no algorithm named 'randm'. Did you mean 'random'?"):
        evaluate("randm", task="digits")
    with pytest.raises(DataMissing):
        evaluate("random", task="mnist", budget="smoke", data_root=tmp_path)
    (tmp_path / "broken.py").write_text("from benchmark import algorithm\n1 / 0\n\n@algorithm()\ndef mine(run): ...\n")
    with pytest.raises(PluginError, match=r"algorithm 'mine' of broken.py cannot be used: ZeroDivisionError"):
        evaluate("./broken.py", "random", task="digits", budget="smoke")
