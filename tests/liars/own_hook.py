"""Registers a forward hook on a layer of the network."""

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "hooks"


@algorithm()
def own_hook(run: Run) -> None:
    """Lie: registers a forward hook on a layer of the network (Nobody, 2026)."""
    next(run._state.model.children()).register_forward_hook(lambda module, inputs, output: output * 1.5)
    honest(run)
