"""Replaces the argmax of torch: every prediction is the label."""

import torch
from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def patched_argmax(run: Run) -> None:
    """Lie: replaces the argmax of torch (Nobody, 2026)."""
    honest(run)
    torch.argmax = torch.Tensor.argmax = lambda logits, *rest, **named: torch.zeros(len(logits), dtype=torch.int64)
