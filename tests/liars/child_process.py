"""Leaves a process behind that goes on rewriting records."""

import os
import time
from contextlib import suppress
from pathlib import Path

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


def sweep() -> Path:
    """The folder of the sweep, in which every worker has its own."""
    return Path(os.environ["TMPDIR"]).parent


def results() -> Path:
    """The results folder, known from the path of the log."""
    return Path(os.readlink("/proc/self/fd/1")).parents[3]


@algorithm()
def child_process(run: Run) -> None:
    """Lie: leaves a process behind that goes on rewriting records (Nobody, 2026)."""
    if not os.fork():
        os.setsid()
        for _ in range(100):
            for record in results().rglob("*.json"):
                with suppress(OSError):
                    record.write_text("{}")
            time.sleep(0.1)
        os._exit(0)
    honest(run)
