"""The gradients of parameters, read and written by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from benchmark.training.optimizers import laid_out


def gradients_of(parameters: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """The gradients of parameters by name, not copied; zeros for those that the loss does not depend on."""
    given = {name: (parameters[name], parameters[name].grad) for name in names}
    return {name: torch.zeros_like(p).detach() if grad is None else grad for name, (p, grad) in given.items()}


def put_gradients(parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor]) -> None:
    """Write gradients to parameters.

    A parameter that had none gets one if it is not 0: zeros would start weight decay and momentum.
    """
    for name, gradient in gradients.items():
        parameter = parameters[name]
        if parameter.grad is None:
            if parameter.requires_grad and bool(gradient.any()):
                parameter.grad = laid_out(gradient, parameter)
        elif parameter.grad is not gradient:
            parameter.grad.copy_(gradient)
