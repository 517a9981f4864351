"""Replaces the method that counts a step."""

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "off the meter"


@algorithm()
def patched_meter(run: Run) -> None:
    """Lie: replaces the method that counts a step (Nobody, 2026)."""
    type(run._state.meter).train_step = lambda *rest, **named: None
    honest(run)
