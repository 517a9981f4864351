"""Helpers of methods that train all weights through a mask that moves: SR-STE, Top-KAST and movement pruning."""

from __future__ import annotations

from torch import Tensor

from benchmark import Run
from benchmark.scores import Tensors


def frozen(run: Run) -> dict[str, Tensor]:
    """The prunable tensors of frozen layers, which are masked and not trained."""
    trained = run.parameters
    return {name: weight for name, weight in run.weights.items() if name not in trained}


def straight_through(parameters: Tensors, used: Tensors) -> dict[str, Tensor]:
    """Return the masked parameters. Masked weights receive the gradient of their position, as if they were used."""
    hidden = {name: (parameters[name] * ~mask).detach() for name, mask in used.items()}
    return {name: value - hidden[name] if name in hidden else value for name, value in parameters.items()}
