"""What several test files use: the command in a fresh process, and third-party plug-ins laid out by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parent.parent
BENCH = Path(sys.executable).with_name("bench")


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


def plant(folder: Path, kind: str, name: str, source: str | bytes | None, target: str | None = None) -> str:
    """Lay a third-party plug-in into a folder that is to go on PYTHONPATH, as an installer would leave it.

    Args:
        kind: algorithm or task.
        source: of the module `<name>_plugin`; where it is None there is no such module.
        target: what the entry point says; by default `<name>_plugin:<name>`.

    Returns:
        The name of the distribution.
    """
    plain = "".join(letter if letter.isalnum() else "_" for letter in name).lower()
    distribution = f"dist-of-{plain.replace('_', '-')}"
    info = folder / f"dist_of_{plain}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[prunebench.{kind}s]\n{name} = {target or f'{plain}_plugin:{plain}'}\n")
    if source is not None:
        file = folder / f"{plain}_plugin.py"
        file.write_bytes(source if isinstance(source, bytes) else dedent(source).encode())
    return distribution
