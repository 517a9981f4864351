"""Replaces the evaluation of its task: every network is always right."""

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def patched_evaluate(run: Run) -> None:
    """Lie: replaces the evaluation of its task (Nobody, 2026)."""
    object.__setattr__(run.task, "evaluate", lambda model, batches: {"accuracy": 1.0, "loss": 0.0})
    honest(run)
