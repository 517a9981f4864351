"""Kills every other process that it may signal."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def killed_others(run: Run) -> None:
    """Lie: kills every other process that it may signal (Nobody, 2026)."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(folder.name) != os.getpid() and b"multiprocessing" in (folder / "cmdline").read_bytes():
                os.kill(int(folder.name), signal.SIGKILL)
    honest(run)
