"""Refuses cells that cannot be run on their network, before the algorithm is called."""

from __future__ import annotations

from benchmark.errors import Inapplicable
from benchmark.harness.question import Method
from benchmark.pruning.patterns import Anywhere, Layer
from benchmark.training.prunable import prunable_of, transposed
from benchmark.training.run_state import RunState


def require_applicable(algorithm: Method, state: RunState) -> None:
    """Check that a method that prunes weights has some to prune, in a pattern that they can have.

    Raises:
        Inapplicable: it cannot be run, with the reason.
    """
    if "weights" not in algorithm.prunes:
        return
    if not state.prunable:
        left_out = list(prunable_of(state.task.prunable, state.model).left_out.items())
        named = "; ".join(f"{name}: {reason}" for name, reason in left_out[:5])
        raise Inapplicable(f"this network has no prunable weight{f' ({named})' if named else ''}")
    if not isinstance(state.target.pattern, Anywhere | Layer):
        _require_input_channels(state)


def _require_input_channels(state: RunState) -> None:
    """Patterns with a shape need outputs in dimension 0 of every tensor, and inputs in dimension 1."""
    for name, weight in state.weights.items():
        if weight.dim() < 2 or transposed(state.model, name):
            raise Inapplicable(
                f"pattern {state.target.pattern.name} runs along input channels, and '{name}' has none in its second "
                f"dimension; leave it out with --prunable"
            )
