"""Trains a copy by hand and brings it back through a snapshot."""

from copy import deepcopy

import torch
from honest_plugin import honest

from benchmark import Run, Snapshot, algorithm

OUTCOME = "made, not training"


@algorithm()
def own_descent(run: Run) -> None:
    """Lie: trains a copy by hand and brings it back through a snapshot (Nobody, 2026)."""
    copy = deepcopy(run._state.model)
    for batch in run.batches(20):
        copy.zero_grad()
        run.task.loss(copy, batch).backward()
        with torch.no_grad():
            for parameter in copy.parameters():
                parameter.sub_(0.05 * parameter.grad)
    run.restore(Snapshot(copy.state_dict(), 0))
    honest(run)
