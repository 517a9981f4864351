"""Clears the log of its meter."""

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "no update is counted"


@algorithm()
def cleared_log(run: Run) -> None:
    """Lie: clears the log of its meter (Nobody, 2026)."""
    honest(run)
    run._state.meter.log.clear()
