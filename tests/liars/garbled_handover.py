"""Hands over bytes that are no handover."""

from honest_plugin import honest

from benchmark import Run, algorithm
from benchmark.harness.handover import Handover

OUTCOME = "the notes of the run are not valid"


@algorithm()
def garbled_handover(run: Run) -> None:
    """Lie: hands over bytes that are no handover (Nobody, 2026)."""
    Handover.to_bytes = lambda handover: b"not a handover at all"
    honest(run)
