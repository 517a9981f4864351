"""Trains a copy with an optimizer of its own."""

from copy import deepcopy

import torch
from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "off the meter"


@algorithm()
def own_optimizer(run: Run) -> None:
    """Lie: trains a copy with an optimizer of its own (Nobody, 2026)."""
    copy = deepcopy(run._state.model)
    optimizer = torch.optim.SGD(copy.parameters(), lr=0.05)
    for batch in run.batches(5):
        optimizer.zero_grad()
        run.task.loss(copy, batch).backward()
        optimizer.step()
    honest(run)
