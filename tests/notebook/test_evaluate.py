"""`evaluate` in a script, as a user writes one: without a guard, edited and run again, interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark import DataMissing, PluginError, UsageError, evaluate, records
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
