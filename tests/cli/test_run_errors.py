"""`bench run`: every mistake is one clear line with its exit code, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.launchers.local import Local
from benchmark.results.store import Store
from tests.support.command import Bench, assert_one_clear_line, here
from tests.support.outside import plant

ERRORS: list[tuple[str, list[str], str]] = [
    ("unknown algorithm", ["--algo", "magnitud"], "no algorithm named 'magnitud'. Did you mean 'magnitude'? (bench"),
    ("unknown task", ["--algo", "dense", "--task", "digit"], "no task named 'digit'. Did you mean 'digits'? (bench"),
    ("unknown model", ["--algo", "dense", "--model", "vgg"], "no model named 'vgg' for this task; it has: mlp, cnn"),
    ("unknown budget", ["--algo", "dense", "--budget", "long"], "no budget named 'long' for this task; it has: smoke,"),
    ("unknown option", ["--algo", "snip:batchs=2"], "no option of 'snip' named 'batchs'. Did you mean 'batches'?"),
    ("option of none", ["--algo", "dense:x=1"], "no option of 'dense' named 'x'. (its options: it has none)"),
    ("wrong value", ["--algo", "snip:batches=0"], "option 'batches' of 'snip' cannot be '0'; it takes whole number"),
    ("not a number", ["--algo", "imp:fraction=nan"], "option 'fraction' of 'imp' cannot be 'nan'; it takes number in"),
    ("too large", ["--algo", "dense", "--task", "digits:rate=1e16"], "options of a task, {'rate': 1e+16}: the number"),
    ("no value", ["--algo", "imp:fraction"], "option 'fraction' of 'imp' has no value; write imp:OPTION=VALUE"),
    ("option first", ["--algo", "fraction=0.5,imp"], "option 'fraction=0.5' comes before any name"),
    ("nothing", ["--algo", ","], "nothing selected: name at least one --algo and one --task (bench list)"),
    ("percent", ["--algo", "snip", "--sparsity", "90"], "sparsity must lie in [0, 1), got 90; 90% of the weights"),
    ("everything", ["--algo", "snip", "--sparsity", "1"], "sparsity must lie in [0, 1), got 1"),
    ("nan", ["--algo", "snip", "--sparsity", "nan"], "sparsity must lie in [0, 1), got nan"),
    ("text", ["--algo", "snip", "--sparsity", "0.9x"], "'0.9x' is not a list of numbers; write 0.8,0.9 for instance"),
    ("unknown pattern", ["--algo", "snip", "--pattern", "5:4"], "no pattern named '5:4'; there are global, layer"),
    ("conflict", ["--algo", "snip", "--pattern", "2:4", "--sparsity", "0.9"], "pattern 2:4 is sparsity 0.5; leave"),
    ("device", ["--algo", "dense", "--device", "tpu"], "no device named 'tpu'; give cpu, cuda, cuda:1 or auto"),
    ("data root", ["--algo", "dense", "--data-root", "/nowhere/at/all"], "Directory '/nowhere/at/all' does not exist"),
    ("seeds", ["--algo", "dense", "--seeds", "0"], "0 is not in the range x>=1"),
    ("nothing to control", ["--algo", "dense", "--control", "shuffle"], "--control changes one thing about a method"),
    ("no edges to edit", ["--algo", "snip", "--edges", "50"], "--edges is for methods that edit edges; none of these"),
    ("no worker to end", ["--algo", "dense", "--timeout", "9"], "--timeout needs workers, and --jobs 0 starts none"),
    ("timeout", ["--algo", "dense", "--timeout", "0"], "0.0 is not in the range x>0"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "says"), [error[1:] for error in ERRORS], ids=[error[0] for error in ERRORS])
def test_a_wrong_selection_is_one_clear_line_and_exit_code_2(
    own: Store, bench: Bench, words: list[str], says: str
) -> None:
    task = [] if "--task" in words else ["--task", "digits"]
    assert_one_clear_line(bench("run", *words, *task, "--jobs", "0"), 2, says)
    assert not own.root.exists()


NUMBERS = [
    ["dense", "--seed", "-1"],
    ["dense", "--seed", "9007199254740993"],
    ["snip:batches=99999999999999999999"],
    ["snip", "--pattern", "1:99999999999999999999"],
]


@pytest.mark.parametrize("words", NUMBERS, ids=" ".join)
def test_a_number_that_no_cell_can_hold_is_one_clear_line(own: Store, bench: Bench, words: list[str]) -> None:
    assert_one_clear_line(bench("run", "--algo", words[0], "--task", "digits", *words[1:], "--dry-run"), 2)


def test_missing_data_are_one_clear_error_with_the_remedy_and_exit_code_4(
    own: Store, bench: Bench, tmp_path: Path
) -> None:
    ended = bench("run", "--algo", "dense", "--task", "mnist", "--data-root", tmp_path, "--jobs", "0")
    assert_one_clear_line(ended, 4, f"data set 'mnist' is not in {tmp_path}", "MNIST/raw/train-images-idx3-ubyte")
    assert "bench run ... --data-root DIR" in ended.err
    assert not own.root.exists()


def test_corrupt_data_are_one_clear_error_and_exit_code_4(own: Store, bench: Bench, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{part}-ubyte").write_bytes(b"not an image")
    ended = bench("run", "--algo", "dense", "--task", "mnist", "--data-root", tmp_path, "--jobs", "0")
    assert_one_clear_line(ended, 4, "mnist")


def test_a_results_folder_that_cannot_be_written_is_one_clear_error(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert_one_clear_line(here(bench, "dense", "--results", tmp_path / "file" / "results"), 3)


def test_an_interrupt_ends_with_130(own: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Local, "answer", interrupted)
    ended = here(bench, "dense")
    assert ended.code == 130
    assert "0 of 1 cells are finished and kept" in ended.err
    assert "Traceback" not in ended.err


BREAKS = """
    from benchmark import Run, algorithm

    @algorithm()
    def breaks(run: Run) -> None:
        '''Breaks: always (Nobody, 2026).'''
        raise ValueError("no")
"""


@pytest.mark.runs
def test_a_sweep_ends_after_so_many_failures(
    bench: Bench, own: Store, tmp_path: Path, known: Callable[[Path], None]
) -> None:
    plant(tmp_path / "site", "algorithm", "breaks", BREAKS)
    known(tmp_path / "site")
    words = ("run", "--algo", "breaks", "--task", "digits", "--budget", "smoke", "--seeds", "5", "--jobs", "0")
    ended = bench(*words, "--max-failures", "2")
    assert ended.code == 1
    assert "stopped after 2 failures, 3 cells before the end (--max-failures)" in ended.err
    assert len([*own]) == 2
