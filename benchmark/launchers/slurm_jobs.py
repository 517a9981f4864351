"""Sends jobs to Slurm, asks about them, and cancels them, by the name of the folder that has their order.

`squeue` is enough for this: the cluster needs no accounting (`sacct`).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import PluginError, one_line

PROGRAM = Path(__file__).parent.with_name("__main__.py")
"""The `bench` command. With `-P`, a `benchmark` in the working directory of a job is not mistaken for ours."""

PATIENCE = 60.0
"""Seconds within which Slurm has to answer."""

STAY = ("SLURM_CONF", "SLURM_CLUSTERS")
"""The variables that say where Slurm is; a job passes none of its other Slurm variables to the jobs that it sends."""


@dataclass(frozen=True)
class State:
    """A job that waits or runs.

    Args:
        name: the name of its whole array.
        state: as Slurm spells it: PENDING, RUNNING, ...
        reason: why it waits.
    """

    name: str
    state: str
    reason: str


def name_of(folder: Path) -> str:
    """The name of the jobs for the order in a folder."""
    return f"prunebench-{folder.name}"


def send(folder: Path, count: int, parameters: Mapping[str, Any]) -> str:
    """Send an array of jobs for the order in a folder. Returns its number.

    Raises:
        PluginError: Slurm does not take it.
    """
    from submitit import SlurmExecutor
    from submitit.helpers import clean_env

    command = [sys.executable, "-P", str(PROGRAM), "job", str(folder)]
    kept = {name: os.environ[name] for name in STAY if name in os.environ}
    try:
        executor = SlurmExecutor(folder, python=f"{shlex.quote(sys.executable)} -P")
        executor.update_parameters(job_name=name_of(folder), **parameters)
        with clean_env() if "SLURM_JOB_ID" in os.environ else nullcontext():
            os.environ.update(kept)
            jobs = executor.map_array(subprocess.check_call, [command] * count)
    except RuntimeError as error:  # submitit's own errors are of this kind
        raise PluginError(f"Slurm takes no jobs: {one_line(error)}") from None
    return jobs[0].job_id.partition("_")[0]


def living(folders: Collection[Path]) -> list[State] | None:
    """The jobs for these orders that have not ended; None if Slurm does not answer."""
    if not folders:
        return []
    words = ["--noheader", "--array", "--format=%j|%T|%r", f"--name={','.join(map(name_of, folders))}"]
    try:
        asked = subprocess.run(["squeue", *words], capture_output=True, text=True, check=True, timeout=PATIENCE)
    except (OSError, subprocess.SubprocessError):
        return None
    states = [State(*line.split("|", 2)) for line in asked.stdout.splitlines() if line.count("|") >= 2]
    return [one for one in states if one.state != "COMPLETING"]


def cancel(folders: Collection[Path], *, waiting: bool = False) -> None:
    """End the jobs for these orders: each gets a SIGTERM, and after a while is killed.

    Args:
        waiting: only those that have not begun.
    """
    for folder in folders:
        words = ["scancel", f"--name={name_of(folder)}", *["--state=PENDING"] * waiting]
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE)


def last_error(folder: Path) -> str:
    """The last line of an error in the logs of the jobs for an order; empty if there is none."""
    logs = sorted(folder.glob("*.out"), key=lambda log: log.stat().st_mtime)
    lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line.startswith("Error: ")), "")
