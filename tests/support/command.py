"""The `bench` command in tests: in this process or in a fresh one, and how it should end."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmark.cli import main

ROOT = Path(__file__).parent.parent.parent
BENCH = Path(sys.executable).with_name("bench")
SMOKE = ("--task", "digits", "--budget", "smoke")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Bench = Callable[..., Ended]


def bench_process(*words: str | Path, **environment: str | Path) -> Ended:
    """`bench` in a fresh process, with some variables set for it."""
    there = os.environ | {name: str(value) for name, value in environment.items()}
    command = [str(BENCH), *map(str, words)]
    done = subprocess.run(command, env=there, capture_output=True, text=True, check=False, timeout=300)
    return Ended(done.returncode, done.stdout, done.stderr)


def bench_here(*words: str | Path) -> Ended:
    """`bench` in this process, where torch is there already."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main([str(word) for word in words], prog_name="bench")
    assert isinstance(end.value.code, int)
    return Ended(end.value.code, out.getvalue(), err.getvalue())


def here(bench: Bench, algorithms: str, *words: str | Path) -> Ended:
    """A short run in this process."""
    return bench("run", "--algo", algorithms, *SMOKE, "--jobs", "0", *words)


def assert_one_clear_line(ended: Ended, code: int, *words: str) -> None:
    """An error that says what and why: the exit code, one line that begins with Error, no traceback."""
    assert ended.code == code, ended.err
    errors = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, ended.err
    for word in words:
        assert word in errors[0]
    assert "Traceback" not in ended.err + ended.out
