"""Kills the process above it and the one above that when it is imported."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"

above = os.getppid()
beyond = int(Path(f"/proc/{above}/stat").read_text().rpartition(")")[2].split()[1])
for process in (beyond, above):
    if process > 1:
        with suppress(PermissionError):
            os.kill(process, signal.SIGKILL)


@algorithm()
def killing_import(run: Run) -> None:
    """Lie: kills the processes above it when it is imported (Nobody, 2026)."""
    honest(run)
