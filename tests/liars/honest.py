"""Prunes by magnitude and trains: what the liars beside it claim to do, and most of them do, too."""

from benchmark import Run, algorithm, keep_top


@algorithm()
def honest(run: Run) -> None:
    """Prune by magnitude at the start, then train (Nobody, 2026)."""
    run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, run.target))
    run.train()
