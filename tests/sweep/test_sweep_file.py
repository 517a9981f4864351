"""A sweep in a file says what the flags say, and what it does not know is one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from benchmark import UsageError
from benchmark.results.store import Store
from benchmark.sweep.sweep_file import LARGEST, read, written
from tests.support.command import Bench, assert_one_clear_line

WHOLE = """
    algo:
      - dense
      - granet: {interval: [100, 1000], init_density: 0.5}
      - imp: {retrain: rate, rewind: 0}
      - "wanda:batches=2,sequential=false"
      - spectral: {edges: null}
    task: mnist
    budget: short
    seeds: 5
    parts:
      - sparsity: [0.9, 1e-1]
      - {pattern: 2:4, finetune: 0, seeds: [3, 4], epochs: 2, algo: random}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sweep.yaml"


def reading(file: Path, text: str | bytes) -> list[dict[str, object]]:
    file.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    return read(file)


def test_each_part_says_what_the_file_says_but_for_its_own_words(file: Path) -> None:
    first, second = reading(file, WHOLE)
    assert first == {
        "algo": [
            "dense",
            "granet:interval=100,init_density=0.5",
            "granet:interval=1000,init_density=0.5",
            "imp:retrain=rate,rewind=0",
            "wanda:batches=2,sequential=false",
            "spectral:edges=none",
        ],
        "task": ["mnist"],
        "budget": "short",
        "seeds": 5,
        "sparsity": [0.9, 0.1],
    }
    assert second == {
        "algo": ["random"],
        "task": ["mnist"],
        "pattern": ["2:4"],
        "finetune": ["0"],
        "seeds": [3, 4],
        "epochs": 2,
    }, "a length replaces the budget"


def test_without_parts_it_is_one(file: Path) -> None:
    assert reading(file, "algo: snip\ntask: [digits, mnist]") == [{"algo": ["snip"], "task": ["digits", "mnist"]}]


def test_what_is_written_reads_the_same(file: Path) -> None:
    words = {"algo": ["imp:rewind=0.1,rounds=2", "snip"], "task": ["digits"], "pattern": ["2:4"], "seeds": [0, 3]}
    assert reading(file, written(words | {"model": [], "budget": None})) == [words]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("algos: x", "no key named 'algos'. Did you mean 'algo'?"),
        ("parts: [{sparsty: 1}]", "no key named 'sparsty'. Did you mean 'sparsity'?"),
        ("parts: [{parts: []}]", "no key named 'parts'"),
        ("algo: [{a: 3}]", "algo"),
        ("seeds: 0", "seeds"),
        ("sparsity: a", "sparsity.0: Input should be a valid number"),
        ("epochs: 2.5", "epochs"),
        ("- a", "Input should be a valid dictionary"),
        ("", "Input should be a valid dictionary"),
        ("algo: &x [*x]", "algo"),
        ("algo: a\nalgo: b", "is not YAML: while constructing a mapping"),
        ("algo: [1", "is not YAML"),
        (
            "algo: !!python/object/apply:os.system ['touch /tmp/pwned']",
            "is not YAML: could not determine a constructor",
        ),
        (b"algo: \xff", "is not YAML"),
        (b"#" * (LARGEST + 1), "has more than"),
    ],
)
def test_what_it_does_not_know_is_one_clear_line(file: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(UsageError) as error:
        reading(file, text)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert str(file) in str(error.value)


def test_a_file_and_flags_select_the_same_cells(bench: Bench, own: Store, file: Path) -> None:
    flags = (
        "--algo",
        "imp:rounds=2,snip",
        "--task",
        "digits",
        "--seed",
        "1,3",
        "--sparsity",
        "0.8",
        "--pattern",
        "layer",
    )
    dry = ("--dry-run", "--format", "json")
    by_flags = bench("run", *flags, "--save", file, *dry)
    assert by_flags.code == 0
    assert bench("run", file, *dry).out == by_flags.out
    assert len(json.loads(by_flags.out)) == 4
    assert not own.root.exists()


def test_parts_that_select_the_same_cell_run_it_once(bench: Bench, own: Store, file: Path) -> None:
    file.write_text("{algo: dense, task: digits, parts: [{seeds: 2}, {seeds: [1, 2], sparsity: 0.5}]}")
    listed = json.loads(bench("run", file, "--dry-run", "--format", "json").out)
    assert [row["seed"] for row in listed] == [0, 1, 2]


def test_wrong_words_are_told(bench: Bench, own: Store, file: Path) -> None:
    file.write_text("{algo: snip, task: digits}")
    assert_one_clear_line(bench("run", file, "--seeds", "2"), 2, "says what to run, and so does --seeds")
    assert_one_clear_line(bench("run", file, "--save", "x.yaml"), 2, "says what to run, and so does --save")
    assert_one_clear_line(bench("run", file.with_name("none.yaml")), 2, "cannot be read: No such file")
    assert_one_clear_line(bench("run"), 2, "nothing selected")
    flags = ("--algo", "snip", "--task", "digits", "--save", file / "x", "--dry-run")
    assert_one_clear_line(bench("run", *flags), 2, "x cannot be written")
    file.write_text("{algo: snip, task: digits, sparsity: 90}")
    assert_one_clear_line(bench("run", file, "--dry-run"), 2, "sparsity must lie in [0, 1), got 90")
