"""Swaps the masks for others after training."""

from honest_plugin import honest

from benchmark import Run, algorithm, keep_top

OUTCOME = "pruned weights that are not zero"


@algorithm()
def swapped_masks(run: Run) -> None:
    """Lie: swaps the masks for others after training (Nobody, 2026)."""
    honest(run)
    run._state.masks = keep_top({name: -weight.abs() for name, weight in run.weights.items()}, run.target)
