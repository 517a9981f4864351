"""Gates on the units of a network, which a part of a stream opens and closes (DSN; hard attention to the task).

A gate is sigmoid(s e) of a number e per unit, and scales the unit's row of weights and its bias. s grows from 1 / BETA
to BETA in every epoch, so that gates are soft at its beginning and all but hard at its end (Serra et al., 2018).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from benchmark import Inapplicable, Masks, Run
from benchmark.scores import Tensors

BETA = 200.0
LARGEST = 6.0
"""|e| stays below, so that a gate can still turn."""

COSH = 50.0
"""|s e| counts as no more in the slope of a gate; cosh is finite there."""


def drawn(run: Run) -> dict[str, Tensor]:
    """A number e for every unit, from N(0, 1), by the name of the unit's weights: [units] each."""
    draws = {name: torch.randn(len(weight), generator=run.rng) for name, weight in run.weights.items()}
    return {name: draw.clamp(-LARGEST, LARGEST).to(run.weights[name]) for name, draw in draws.items()}


def clamped(values: Tensors, names: Iterable[str]) -> None:
    """Keep these numbers where a gate can still turn, in place."""
    with torch.no_grad():
        for name in names:
            values[name].clamp_(-LARGEST, LARGEST)


def sharpness(step: int, epoch: int) -> float:
    """s at a step, of epochs of so many steps: linear from 1 / BETA to BETA."""
    done = step % epoch / (epoch - 1) if epoch > 1 else 1.0
    return 1 / BETA + (BETA - 1 / BETA) * done


def gated(parameters: Tensors, gates: Tensors) -> dict[str, Tensor]:
    """The parameters with every unit's row of weights, and its bias, multiplied by its gate."""
    used = dict(parameters)
    for name, gate in gates.items():
        weight, bias = parameters[name], f"{name.removesuffix('weight')}bias"
        used[name] = weight * gate.view(-1, *[1] * (weight.dim() - 1)).to(weight.dtype)
        if bias in parameters:
            used[bias] = parameters[bias] * gate.to(weight.dtype)
    return used


def slope_of(e: Tensor, s: float, given: Tensor, penalty: Tensor) -> Tensor:
    """The gradient for e: that of the loss and that of the penalty on its gate, made even over s.

    Args:
        given: the gradient of the loss for e.
        penalty: the gradient of the penalty for the gate.
    """
    gate = torch.sigmoid(s * e)
    whole = given + penalty * s * gate * (1 - gate)
    return whole * BETA / s * (torch.cosh((s * e).clamp(-COSH, COSH)) + 1) / (torch.cosh(e) + 1)


def price(used: Tensors, weight: float) -> dict[str, Tensor]:
    """The gradient, for every gate, of weight * sum g (1 - u) / sum (1 - u): a unit that is used already is free."""
    free = sum(int((~u).sum()) for u in used.values())
    return {name: weight * (~u).float() / max(1, free) for name, u in used.items()}


def masks_between(units: Tensors, weights: Tensors) -> Masks:
    """The weights from units that are used to units that are used; those of the inputs all are.

    Args:
        units: bool [units] by the name of their weights, layer after layer.

    Raises:
        Inapplicable: the inputs of a layer are not the outputs of the one before.
    """
    masks: dict[str, Tensor] = {}
    before: Tensor | None = None
    for name, rows in units.items():
        shape = weights[name].shape
        columns = torch.ones(shape[1], dtype=torch.bool, device=rows.device)
        if before is not None:
            if shape[1] % len(before):
                raise Inapplicable(f"gates are for layers in a row, and '{name}' does not follow the one before it")
            columns = before.repeat_interleave(shape[1] // len(before))  # pixels of a channel that was made flat
        between = rows.view(-1, 1) & columns
        masks[name] = between.view(*shape[:2], *[1] * (len(shape) - 2)).expand(shape)
        before = rows
    return Masks(masks)
