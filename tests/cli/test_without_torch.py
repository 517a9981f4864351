"""Wrong words are answered before anything heavy is imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

COMMANDS = """
import json, sys
from benchmark.cli import main

for words in json.loads(sys.argv[1]):
    try:
        main(words, prog_name="bench")
    except SystemExit as end:
        print(end.code, *sorted({"torch", "numpy", "scipy", "pandas"} & set(sys.modules)), file=sys.stderr)
"""
"""One after the other in one process; after each, its exit code and the heavy modules that are loaded by then."""

DIGITS = ["run", "--task", "digits", "--algo"]
WRONG = [
    ([*DIGITS, "snipp"], "no algorithm named 'snipp'. Did you mean 'snip'? (bench list)"),
    ([*DIGITS, "drop-edge+snipp"], "no algorithm named 'drop-edge'. Did you mean 'dropedge'? (bench list)"),
    ([*DIGITS, "dropedge+snipp"], "no algorithm named 'snipp'. Did you mean 'snip'? (bench list)"),
    ([*DIGITS, "snip:batchs=2"], "no option of 'snip' named 'batchs'. Did you mean 'batches'? (its options: batches, "),
    ([*DIGITS, "dropedge+imp:fractin=1"], "no option of 'dropedge+imp' named 'fractin'. "),
    ([*DIGITS, "dense:x=1"], "no option of 'dense' named 'x'. (its options: it has none)"),
    ([*DIGITS, "snip", "--control", "shufle"], "option 'control' of 'snip' cannot be 'shufle'; it takes retrain | "),
    ([*DIGITS, "snip:curve=x"], "option 'curve' of 'snip' cannot be 'x'; it takes whole number >= 1"),
    ([*DIGITS, "snip", "--pattern", "5:4"], "no pattern named '5:4'; there are global, layer"),
    ([*DIGITS, "snip", "--sparsity", "90"], "sparsity must lie in [0, 1), got 90; 90% of the weights removed is 0.9"),
    ([*DIGITS, "snip", "--device", "tpu"], "no device named 'tpu'; give cpu, cuda, cuda:1 or auto"),
    ([*DIGITS, "snip", "--epochs", "1", "--steps", "1"], "--budget, --epochs and --steps each say how long to train"),
    ([*DIGITS, "snip", "--jobs", "0", "--timeout", "9"], "--timeout needs workers, and --jobs 0 starts none"),
    ([*DIGITS, ","], "nothing selected: name at least one --algo and one --task (bench list)"),
    (["run", "--algo", "snip"], "nothing selected: name at least one --algo and one --task (bench list)"),
    (["run", "--algo", "snip", "--task", "digit"], "no task named 'digit'. Did you mean 'digits'? (bench list)"),
    (["run", "--algo", "snip", "--task", "mnist:rat=1"], "no option of 'mnist' named 'rat'. Did you mean 'rate'? (its"),
    (["info", "snipp"], "no algorithm, task or experiment named 'snipp'. Did you mean 'snip'? (bench list)"),
]


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What `bench` says to each of them: its error, its exit code, and what is loaded."""
    command = [sys.executable, "-c", COMMANDS, json.dumps([words for words, _ in WRONG])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return [*done.stderr.split("Error: ")[1:]]


@pytest.mark.runs
@pytest.mark.parametrize("number", range(len(WRONG)), ids=[" ".join(words) for words, _ in WRONG])
def test_an_error_comes_before_torch(number: int, said: list[str]) -> None:
    assert len(said) == len(WRONG)
    error, *_, ended = said[number].splitlines()
    assert error.startswith(WRONG[number][1])
    assert ended == "2"
