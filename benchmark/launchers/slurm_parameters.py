"""The requests of a Slurm job, from words of the command line, under the names of submitit and sbatch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmark.errors import PluginError, UsageError, unknown_name

OURS = {"job_name", "srun_args", "additional_parameters", "use_srun", "stderr_to_stdout"}
"""Parameters that the launcher sets itself: it finds its jobs by their name, and reads one log of each."""

SBATCH = {"begin", "clusters", "hint", "licenses", "nice", "prefer", "priority", "reservation", "tmp"}
"""Options of sbatch for which submitit has no name."""

LISTS = {"setup", "teardown"}
"""Shell commands before and after a job: each word adds one."""


def parameters(words: Iterable[str]) -> dict[str, Any]:
    """The parameters of submitit's Slurm executor.

    Args:
        words: each as KEY=VALUE.

    Raises:
        UsageError: a word of another form, or an unknown name.
        PluginError: submitit is not installed.
    """
    known = {*_of_submitit() - OURS, *SBATCH}
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise UsageError(f"--slurm takes KEY=VALUE, such as partition=gpu or time=600, got '{word}'")
        name = name.removeprefix("slurm_").replace("-", "_")
        if name not in known:
            raise unknown_name("parameter of Slurm", name, known, f"--slurm takes {', '.join(sorted(known))}")
        found[name] = [*found.get(name, []), value] if name in LISTS else _value(value)
    return _grouped(found)


def _of_submitit() -> set[str]:
    """The names that submitit passes on to Slurm."""
    try:
        from submitit import SlurmExecutor
    except ImportError:
        raise PluginError("--launcher slurm needs submitit: pip install 'prunebench[slurm]'") from None
    return SlurmExecutor._valid_parameters()  # which it lists in no public place


def _value(text: str) -> Any:
    """A number of minutes, cores or GPUs, a switch, or text."""
    return int(text) if text.isdigit() else {"true": True, "false": False}.get(text.lower(), text)


def _grouped(given: dict[str, Any]) -> dict[str, Any]:
    """All parameters of a job. If no time is given, it gets that of its partition, not submitit's five minutes.

    A job is stopped only by SIGTERM, whether it is cancelled, preempted or out of time. A job step takes the cores of
    its tasks from `srun`, which does not know the options of `sbatch` (Slurm 22.05 and later).
    """
    rest = {name: value for name, value in given.items() if name not in SBATCH}
    seconds = rest.pop("signal_delay_s", 60)
    more = {name: value for name, value in given.items() if name in SBATCH}
    cores = [f"--cpus-per-task={rest['cpus_per_task']}"] if "cpus_per_task" in rest else []
    own = {"additional_parameters": {**more, "signal": f"TERM@{seconds}"}, "srun_args": cores, "stderr_to_stdout": True}
    return {"time": None, "wckey": None, **rest, **own}
