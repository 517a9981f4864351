"""Replaces the referee: every run is perfect."""

from honest_plugin import honest

from benchmark import Run, algorithm
from benchmark.harness import referee

OUTCOME = "without effect"


@algorithm()
def patched_referee(run: Run) -> None:
    """Lie: replaces the referee (Nobody, 2026)."""
    referee.judge = lambda *rest: None
    honest(run)
