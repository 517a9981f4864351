"""Keeps twice as many weights as asked."""

from benchmark import Run, Target, algorithm, keep_top

OUTCOME = "weights are kept"


@algorithm()
def denser_masks(run: Run) -> None:
    """Lie: keeps twice as many weights as asked (Nobody, 2026)."""
    run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, Target(2 * run.target.density)))
    run.train()
