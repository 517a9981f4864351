"""Hands over weights that are not numbers."""

import torch
from honest_plugin import honest

from benchmark import Run, Snapshot, algorithm

OUTCOME = "holds NaN or infinity"


@algorithm()
def not_a_number(run: Run) -> None:
    """Lie: hands over weights that are not numbers (Nobody, 2026)."""
    honest(run)
    snapshot = run.snapshot()
    name = next(iter(run.weights))
    run.restore(Snapshot({**snapshot.state, name: snapshot.state[name] * torch.nan}, snapshot.clock))
