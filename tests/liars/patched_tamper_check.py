"""Switches the tamper check off and brings dense weights back by hand."""

import torch
from honest_plugin import honest

from benchmark import Run, algorithm
from benchmark.training.tamper_check import TamperCheck

OUTCOME = "pruned weights that are not zero"


@algorithm()
def patched_tamper_check(run: Run) -> None:
    """Lie: switches the tamper check off and brings dense weights back by hand (Nobody, 2026)."""
    run.train()
    dense = run.parameters
    honest(run)
    TamperCheck.untouched = lambda *rest: None
    with torch.no_grad():
        for name, parameter in run._state.model.named_parameters():
            parameter.copy_(dense[name])
