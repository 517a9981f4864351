"""Replaces the forward method of linear layers."""

from honest_plugin import honest
from torch import nn

from benchmark import Run, algorithm

OUTCOME = "forward methods"


@algorithm()
def patched_class(run: Run) -> None:
    """Lie: replaces the forward method of linear layers (Nobody, 2026)."""
    real = nn.Linear.forward
    nn.Linear.forward = lambda layer, x: real(layer, x) * 1.5
    honest(run)
