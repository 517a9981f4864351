"""Changes weights by hand in the pauses of training."""

import torch
from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "changed by hand in a pause"


@algorithm()
def hand_in_a_pause(run: Run) -> None:
    """Lie: changes weights by hand in the pauses of training (Nobody, 2026)."""
    for _ in run.steps():
        with torch.no_grad():
            next(run._state.model.parameters()).add_(0.01)
    honest(run)
