"""Facts about this machine for records: its processor and device, installed versions, and the commit of the code."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

CODE = (":/benchmark", ":/algorithms", ":/tasks", ":/pyproject.toml")
"""The files of a checkout that a result depends on; records and documents are not among them."""


MOST_PROCESSES = 64
"""The most processes that train one network together."""


def may_be_cuda(device: str) -> bool:
    """Whether a value of `--device` may mean a GPU, decided without torch, whose import takes seconds."""
    return device.startswith("cuda") or (device == "auto" and Path("/dev/nvidiactl").exists())


def device_facts(device: torch.device) -> dict[str, Any]:
    """The device, the processor and the number of threads; on CUDA also whether float32 products use TF32."""
    import torch

    facts = {"device": str(device), "threads": torch.get_num_threads()}
    if device.type != "cuda":
        return facts | {"processor": _processor()}
    tf32 = {"matmul": torch.backends.cuda.matmul.allow_tf32, "convolutions": torch.backends.cudnn.allow_tf32}
    return facts | {"processor": torch.cuda.get_device_name(device), "cuda": torch.version.cuda, "tf32": tf32}


@cache
def software_facts() -> dict[str, Any]:
    """The versions of Python and of packages, the platform, and the commit."""
    import numpy as np
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "prunebench": installed("prunebench"),
        "platform": platform.platform(terse=True),
        **_commit(),
    }


def zoo_facts(model: str) -> dict[str, Any]:
    """The version of the package that a model such as `timm:resnet50` comes from; empty for a task's own models."""
    zoo, _, inner = model.partition(":")
    return {zoo: installed(zoo)} if inner else {}


def installed(distribution: str) -> str | None:
    """The version of a distribution; None if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _commit() -> dict[str, Any]:
    """The commit of this code, and whether it has uncommitted changes; both None outside a checkout."""

    def git(*words: str) -> str:
        folder = Path(__file__).parent
        for _ in range(3):  # if it is killed, as workers may be, no record of this process would have its commit
            ended = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
            if ended.returncode >= 0:
                break
        ended.check_returncode()
        return ended.stdout.strip()

    try:
        if git("ls-files", Path(__file__).name):
            return {
                "commit": git("rev-parse", "HEAD"),
                "dirty": bool(git("status", "--porcelain", "-uno", "--", *CODE)),
            }
    except (OSError, subprocess.CalledProcessError):
        pass
    return {"commit": None, "dirty": None}


def resident_peak(process: int | Literal["self"]) -> int | None:
    """The peak of a process's resident memory in bytes since it was last reset; None where Linux does not report it."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def reset_resident_peak() -> bool:
    """Reset the peak of this process's resident memory to its present value. False where Linux does not support it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
