"""Replaces the comparisons of tensors that an audit makes: all are equal."""

import torch
from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def patched_comparisons(run: Run) -> None:
    """Lie: replaces the comparisons of tensors that an audit makes (Nobody, 2026)."""
    honest(run)
    torch.Tensor.__ne__ = lambda one, other: torch.zeros_like(one, dtype=torch.bool)
    torch.equal = lambda one, other: True
