"""Gradient descent on what a method learns beside the weights, at the pace of the run: gates, thresholds."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.scores import Tensors


class Descent:
    """SGD with momentum on tensors of a method's own, which get their gradients in the run's backward pass.

    Args:
        tensors: by name; they are changed in place.
        decay: weight decay.
    """

    def __init__(self, tensors: Tensors, momentum: float, decay: float = 0.0) -> None:
        self._tensors, self._momentum, self._decay = tensors, momentum, decay
        self._speed = {name: torch.zeros_like(value).detach() for name, value in tensors.items()}

    def step(self, rate: float, extra: Tensors | None = None) -> None:
        """Make a step with the gradients that were left, and take these away.

        Args:
            extra: more gradients, by name.
        """
        with torch.no_grad():
            for name, value in self._tensors.items():
                slope = self._decay * value + (0.0 if value.grad is None else value.grad)
                if extra is not None:
                    slope += extra[name]
                self._speed[name].mul_(self._momentum).add_(slope)
                value.sub_(rate * self._speed[name])
                value.grad = None


def learned(values: Tensors) -> dict[str, Tensor]:
    """Copies that can be trained."""
    return {name: value.detach().clone().requires_grad_() for name, value in values.items()}


class Adam:
    """Adam without weight decay on tensors of a method's own (Kingma & Ba, 2015).

    Args:
        tensors: by name; they are changed in place.
    """

    def __init__(self, tensors: Tensors) -> None:
        self._tensors, self._steps = tensors, 0
        self._means = {name: torch.zeros_like(value) for name, value in tensors.items()}
        self._squares = {name: torch.zeros_like(value) for name, value in tensors.items()}

    def step(self, gradients: Tensors, rate: float) -> None:
        """Make a step of those tensors that have a gradient."""
        self._steps += 1
        for name, gradient in gradients.items():
            mean = self._means[name].mul_(0.9).add_(gradient, alpha=0.1) / (1 - 0.9**self._steps)
            square = self._squares[name].mul_(0.999).add_(gradient**2, alpha=0.001) / (1 - 0.999**self._steps)
            self._tensors[name].sub_(rate * mean / (square.sqrt() + 1e-8))
