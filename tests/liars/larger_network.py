"""Hands over a larger network than the one it was given."""

from honest_plugin import honest
from torch import nn

from benchmark import Run, algorithm
from benchmark.training.tamper_check import TamperCheck

OUTCOME = "tensors are not the ones it started with"


@algorithm()
def larger_network(run: Run) -> None:
    """Lie: hands over a larger network than the one it was given (Nobody, 2026)."""
    honest(run)
    TamperCheck.untouched = lambda *rest: None
    run._state.model.extra = nn.Linear(512, 512)
