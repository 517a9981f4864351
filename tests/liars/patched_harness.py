"""Replaces the function that evaluates networks."""

from honest_plugin import honest

from benchmark import Run, algorithm
from benchmark.harness import network, report

OUTCOME = "without effect"


@algorithm()
def patched_harness(run: Run) -> None:
    """Lie: replaces the function that evaluates networks (Nobody, 2026)."""
    network.evaluate = report.evaluate = lambda *rest: {"accuracy": 1.0, "loss": 0.0}
    honest(run)
