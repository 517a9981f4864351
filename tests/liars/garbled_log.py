"""Writes an entry into the log of its meter that no meter writes."""

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "the log of its costs"


@algorithm()
def garbled_log(run: Run) -> None:
    """Lie: writes an entry into the log of its meter that no meter writes (Nobody, 2026)."""
    honest(run)
    run._state.meter.log.append((1, "training_flops", [-1e18]))
