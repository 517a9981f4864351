"""Where a command has its cells run: the options for it, and the launcher that they name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmark import machine
from benchmark.cli.output import usable
from benchmark.errors import PluginError, UsageError

if TYPE_CHECKING:
    from benchmark.launchers.launcher import Launcher
    from benchmark.launchers.local import Local


@dataclass(frozen=True)
class Place:
    """The launcher that a user names, with its options.

    Args:
        slurm: what Slurm jobs request, each as KEY=VALUE.
        address: the address of a Ray cluster; None to start one on this machine.
        per_gpu: the number of cells that share a GPU; None for one.
        processes: the number of processes that run each cell together.
        engine: how steps are computed: dense, sparse, or auto, which takes the faster one.
    """

    launcher: str = "local"
    slurm: Sequence[str] = ()
    address: str | None = None
    per_gpu: int | None = None
    processes: int = 1
    engine: str = "auto"

    def __post_init__(self) -> None:
        if self.slurm and self.launcher != "slurm":
            raise UsageError("--slurm describes jobs of Slurm; give --launcher slurm with it")
        if self.address is not None and self.launcher != "ray":
            raise UsageError("--address is that of a Ray cluster; give --launcher ray with it")
        if self.per_gpu is not None and self.launcher == "slurm":
            raise UsageError("--per-gpu shares a GPU among cells of one driver; a job of Slurm is a driver of its own")
        if self.processes > 1 and self.per_gpu is not None and self.launcher == "ray":
            raise UsageError(
                "--nproc gives each process of a cell a GPU, and Ray shares none of them; leave --per-gpu out"
            )

        if self.engine == "sparse" and self.processes > 1:
            raise UsageError("--engine sparse is for one process a cell; leave it or --nproc out")

    @property
    def sparse_below(self) -> float | None:
        """As in `Settings`."""
        return {"auto": None, "dense": 0.0, "sparse": 1.0}[self.engine]

    @property
    def is_here(self) -> bool:
        """Whether cells are run on this machine, so that `--device` is one of its devices."""
        return self.launcher == "local"


def launcher_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--launcher`, with the options of each launcher, to a command, which gets them as `place`."""

    @click.option(
        "--launcher",
        type=click.Choice(["local", "ray", "slurm"]),
        default="local",
        show_default=True,
        help="What runs the cells.",
    )
    @click.option(
        "--slurm",
        multiple=True,
        metavar="KEY=VALUE",
        help="What each Slurm job requests, such as partition=gpu or time=600; repeatable.",
    )
    @click.option(
        "--address",
        help="A Ray cluster: auto, HOST:PORT or ray://HOST:PORT.  [default: start one on this machine]",
    )
    @click.option("--per-gpu", type=click.IntRange(1), help="Cells that share a GPU.  [default: 1]")
    @click.option(
        "--nproc",
        type=click.IntRange(1, machine.MOST_PROCESSES),
        default=1,
        show_default=True,
        help="Processes that train each cell together, each on its own GPU if there are GPUs.",
    )
    @click.option(
        "--engine",
        type=click.Choice(["auto", "dense", "sparse"]),
        default="auto",
        show_default=True,
        help="How a perceptron is trained: sparse computes with kept weights alone; auto takes the faster one.",
    )
    @wraps(command)
    def placed(*words: Any, **given: Any) -> Any:
        names = "launcher", "slurm", "address", "per_gpu", "nproc", "engine"
        return command(*words, place=Place(*(given.pop(name) for name in names)), **given)

    return placed


def device_at(place: Place, device: str) -> str:
    """The device of `--device`; `auto` is resolved where cells are run. Raises UsageError if there is none."""
    if place.is_here:
        return usable(device)
    return device if place.launcher == "slurm" else _device_of_ray(place, device)


def _device_of_ray(place: Place, device: str) -> str:
    kind, _, number = device.partition(":")
    if number:
        raise UsageError(f"Ray assigns the GPUs; give --device {kind} in place of {device}")
    if place.address is None:
        return usable(device)
    from benchmark.launchers.ray_cluster import device_of

    return device_of(device, place.address)


def launcher_for(place: Place, cells: int, device: str, jobs: int | None, data_root: Path | None) -> Launcher:
    """The launcher of a command.

    Args:
        cells: the number of cells to run.
        device: as returned by `device_at`.
        jobs: the number of Slurm jobs, or of cells at a time, as for `local`.

    Raises:
        UsageError: options that the launcher does not have.
        PluginError: what the launcher needs is not installed.
    """
    if place.engine == "sparse":
        _require_sparse(place, device)
    if jobs == 0 and not place.is_here:
        raise UsageError(f"--jobs 0 answers cells in this process; leave out --launcher {place.launcher} for that")
    if place.per_gpu is not None and device == "cpu":
        raise UsageError("--per-gpu is for GPUs, and these cells are on cpu; leave it out")
    if place.launcher == "slurm":
        return _slurm(place, cells, device, jobs, data_root)
    if place.launcher == "ray":
        return _ray(place, cells, device, jobs)
    return local(cells, device, jobs, place.processes, place.per_gpu or 1)


def _require_sparse(place: Place, device: str) -> None:
    """Raise UsageError or PluginError if steps cannot be sparse."""
    from benchmark.training.sparse_training import available

    if device.startswith("cuda"):
        raise UsageError("--engine sparse is for the CPU; give --device cpu with it")
    if place.is_here and not available():
        raise PluginError("--engine sparse needs Numba: pip install 'prunebench[fast]'")


def _slurm(place: Place, cells: int, device: str, jobs: int | None, data_root: Path | None) -> Launcher:
    from benchmark.launchers.slurm import MOST, Slurm
    from benchmark.launchers.slurm_parameters import parameters

    return Slurm(device, jobs or max(1, min(cells, MOST)), parameters(place.slurm), data_root)


def _ray(place: Place, cells: int, device: str, jobs: int | None) -> Launcher:
    from benchmark.launchers.ray import Ray

    launcher = Ray(device, jobs, place.address, place.per_gpu or 1, place.processes)
    return launcher if place.address else replace(launcher, at_once=jobs or max(1, min(launcher.jobs, cells)))


def local(cells: int, device: str, jobs: int | None, processes: int = 1, per_gpu: int = 1) -> Local:
    """Workers on this machine. Raises UsageError if this many processes cannot run a cell on this device.

    Args:
        jobs: the number of cells at a time; 0: in this process; None: as many as there are cores, or GPUs, for.
        processes: the number of processes that run each cell together.
        per_gpu: the number of cells that share a GPU.
    """
    from benchmark.launchers.local import Local

    if processes > 1 and jobs == 0:
        raise UsageError("--nproc needs workers, and --jobs 0 starts none; leave out one or the other")
    if device.startswith("cuda"):
        room = _gpus(device, processes) // processes * per_gpu
    else:
        room = max(1, machine.cores() // processes)
    at_once = max(1, min(room, cells)) if jobs is None else jobs
    return Local(device, max(1, at_once), inline=at_once == 0)


def _gpus(device: str, processes: int) -> int:
    """The number of GPUs for workers. Raises UsageError if there are too few for one cell."""
    import torch

    if ":" in device:
        if processes > 1:
            raise UsageError(f"--nproc {processes} takes a GPU for each process; give --device cuda, not {device}")
        return 1
    if (there := torch.cuda.device_count()) < processes:
        raise UsageError(f"--nproc {processes} takes as many GPUs, and torch finds {there}")
    return there
