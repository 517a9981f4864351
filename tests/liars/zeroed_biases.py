"""Sets biases to zero through a snapshot: they may not be pruned."""

import torch
from honest_plugin import honest

from benchmark import Run, Snapshot, algorithm

OUTCOME = "may not be pruned"


@algorithm()
def zeroed_biases(run: Run) -> None:
    """Lie: sets biases to zero through a snapshot (Nobody, 2026)."""
    honest(run)
    snapshot = run.snapshot()
    zeroed = {name: torch.zeros_like(value) if "bias" in name else value for name, value in snapshot.state.items()}
    run.restore(Snapshot(zeroed, snapshot.clock))
