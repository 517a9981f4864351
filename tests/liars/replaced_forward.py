"""Replaces the forward method of the network it was given."""

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "forward methods"


@algorithm()
def replaced_forward(run: Run) -> None:
    """Lie: replaces the forward method of the network it was given (Nobody, 2026)."""
    model = run._state.model
    real = model.forward
    model.forward = lambda x: real(x) * 1.5
    honest(run)
