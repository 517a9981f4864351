"""Starts a thread that brings dense weights back as soon as the algorithm has returned."""

from threading import Thread

import torch
from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "caught or without effect"


def restore(model: torch.nn.Module, dense: dict[str, torch.Tensor]) -> None:
    while True:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(dense[name])


@algorithm()
def thread_after_return(run: Run) -> None:
    """Lie: starts a thread that brings dense weights back as soon as the algorithm has returned (Nobody, 2026)."""
    dense, model = run.parameters, run._state.model
    honest(run)
    Thread(target=restore, args=(model, dense), daemon=True).start()
