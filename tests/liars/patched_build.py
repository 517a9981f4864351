"""Replaces the function that builds networks by one that builds a trained one."""

from honest_plugin import honest

from benchmark import Run, algorithm
from benchmark.harness import network, prepare

OUTCOME = "without effect"


@algorithm()
def patched_build(run: Run) -> None:
    """Lie: replaces the function that builds networks by one that builds a trained one (Nobody, 2026)."""
    honest(run)
    trained = run._state.model
    network.build = prepare.build = lambda *rest: trained
