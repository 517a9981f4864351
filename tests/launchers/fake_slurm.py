"""Stands for Slurm's commands: jobs are processes of this machine. The folder $FAKE_SLURM has a file for each.

`install(folder)` lays sbatch, srun, squeue and scancel into a folder that is to go on PATH.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

COMMANDS = ("sbatch", "srun", "squeue", "scancel")


def install(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in COMMANDS:
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" {name} "$@"\n')
        (folder / name).chmod(0o755)


def sbatch(script: str) -> None:
    """Start the jobs of a script, each in a group of its own."""
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)", Path(script).read_text(), re.MULTILINE))
    if asked.get("partition") == "nowhere":
        sys.exit("sbatch: error: invalid partition specified: nowhere")
    state = Path(os.environ["FAKE_SLURM"])
    number = len([*state.glob("*-0")]) + 1
    last = int(asked.get("array", "0-0").partition("-")[2].partition("%")[0])
    for task in range(last + 1):
        there = os.environ | {"SLURM_JOB_ID": f"{number}", "SLURM_CPUS_ON_NODE": "1"}
        there |= {"SLURM_ARRAY_JOB_ID": f"{number}", "SLURM_ARRAY_TASK_ID": f"{task}"} if "array" in asked else {}
        nothing = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        job = subprocess.Popen(["bash", script], env=there, start_new_session=True, **nothing)
        (state / f"{number}-{task}").write_text(f"{job.pid} {asked['job-name']}")
    print(f"Submitted batch job {number}")


def srun(*words: str) -> None:
    """Run a command, its output where `--output` says."""
    command = next(place for place, word in enumerate(words) if word.startswith("/") and words[place - 1] != "--output")
    number = "_".join(filter(None, map(os.environ.get, ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"))))
    output = words[words.index("--output") + 1].replace("%A_%a", number).replace("%t", "0")
    file = os.open(output.replace("%j", os.environ["SLURM_JOB_ID"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.execv(words[command], words[command:])


def living(name: str) -> list[int]:
    """The groups of the jobs of this name."""
    jobs = [file.read_text().split() for file in Path(os.environ["FAKE_SLURM"]).iterdir()]
    return [int(pid) for pid, named in jobs if named == name and _runs(pid)]


def _runs(pid: str) -> bool:
    with suppress(OSError):
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def squeue(*words: str) -> None:
    [names] = [word.removeprefix("--name=") for word in words if word.startswith("--name=")]
    for name in names.split(","):
        print(f"{name}|RUNNING|None\n" * len(living(name)), end="")


def scancel(*words: str) -> None:
    [name] = [word.removeprefix("--name=") for word in words if word.startswith("--name=")]
    for group in living(name) if "--state=PENDING" not in words else []:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)


if __name__ == "__main__":
    {"sbatch": sbatch, "srun": srun, "squeue": squeue, "scancel": scancel}[sys.argv[1]](*sys.argv[2:])
