"""Replaces the function that writes records."""

from honest_plugin import honest

from benchmark import Run, algorithm
from benchmark.results.store import Store

OUTCOME = "without effect"


@algorithm()
def patched_store(run: Run) -> None:
    """Lie: replaces the function that writes records (Nobody, 2026)."""
    Store.put = Store.keep = lambda *rest: None
    honest(run)
