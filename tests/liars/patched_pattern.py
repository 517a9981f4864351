"""Replaces the check of its pattern, and keeps every weight."""

from benchmark import Run, algorithm

OUTCOME = "weights are kept"


@algorithm()
def patched_pattern(run: Run) -> None:
    """Lie: replaces the check of its pattern, and keeps every weight (Nobody, 2026)."""
    type(run.target.pattern).breach = lambda *rest: ""
    run.train()
