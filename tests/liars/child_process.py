"""Leaves a process behind that goes on rewriting records."""

import os
import time
from contextlib import suppress

from honest_plugin import honest, results

from benchmark import Run, algorithm

OUTCOME = "without effect"


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
