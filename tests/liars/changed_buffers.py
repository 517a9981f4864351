"""Changes a weight by hand before it prunes."""

import torch
from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "changed outside the verbs"


@algorithm()
def changed_buffers(run: Run) -> None:
    """Lie: changes a weight by hand before it prunes (Nobody, 2026)."""
    with torch.no_grad():
        next(run._state.model.parameters()).add_(0.01)
    honest(run)
