"""Stops the clock while it waits for a second."""

import time

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "slower"


@algorithm()
def patched_clock(run: Run) -> None:
    """Lie: stops the clock while it waits for a second (Nobody, 2026)."""
    time.sleep(1)
    honest(run)
    time.perf_counter = lambda: 0.0
