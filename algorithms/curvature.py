from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field

from benchmark import Count, Part, Positive, Run, algorithm, keep_top, noise
from benchmark.scores import Tensors

Steps = Annotated[int, Field(ge=0, description="whole number >= 0")]

CHUNK = 128
"""Largest number of examples whose autograd graph is in memory at once."""


@algorithm(paper="arXiv:2502.11450", family="before training")
def curvature(
    run: Run,
    *,
    diagonal: Literal["fisher", "hutchinson"] = "fisher",
    score: Literal["diagonal", "obd", "taylor"] = "taylor",
    samples: Count = 10,
    draws: Count = 10,
    temperature: Positive = 1.0,
    warm: Steps = 0,
) -> None:
    """Curvature: rank initial weights by the diagonal of Fisher matrix or Hessian (Gollini Navarrete et al., 2025).

    The Fisher matrix is the empirical one, of gradients of single examples. Norm layers use their running statistics,
    as in the authors' code (Gollini/Scalable_Second_Order_PaI, compressors.py).

    Options:
        diagonal: mean g^2 over examples, or Hutchinson's estimate for the Hessian: the mean of z Hz over random signs z
        score: the diagonal h itself; w^2 h / 2, as in optimal brain damage; or |w g + w^2 h / 2|, with the linear term
        samples: training examples per class
        draws: random sign vectors for each group of examples, for Hutchinson's
        temperature: divisor of the outputs in the loss; the authors' code takes 200 for Hutchinson's
        warm: training batches that norm layers see before, while all weights are frozen; the authors find that an
            epoch of them mitigates layer collapse
    """
    if warm:
        warm_up(run, warm)
    weights = run.weights
    parts = run.balanced(samples, most=1 if diagonal == "fisher" else CHUNK)
    if diagonal == "fisher":
        gradient, diagonals = fisher(run, parts, weights, temperature)
    else:
        gradient, diagonals = hutchinson(run, parts, weights, temperature, draws)
    run.prune(keep_top(ranked(score, weights, gradient, diagonals), run.target))
    run.train()


def ranked(score: str, weights: Tensors, gradient: Tensors, diagonal: Tensors) -> Tensors:
    """The scores of weights from their gradients and the diagonal of a curvature matrix."""
    if score == "diagonal":
        return diagonal
    second = {name: weight.square() * diagonal[name] / 2 for name, weight in weights.items()}
    if score == "obd":
        return second
    return {name: (weight * gradient[name] + second[name]).abs() for name, weight in weights.items()}


def fisher(run: Run, parts: Sequence[Part], weights: Tensors, temperature: float) -> tuple[Tensors, Tensors]:
    """The mean gradient over parts, and the mean of its square."""
    leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    gradient, square = zeros(weights), zeros(weights)
    for part in parts:  # the loss of a part is weighted by its share
        loss = run.loss(part, leaves, temperature=temperature, norms="running")
        for name, slope in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
            gradient[name] += slope
            square[name] += slope.square() / part.share
    return gradient, square


def hutchinson(
    run: Run, parts: Sequence[Part], weights: Tensors, temperature: float, draws: int
) -> tuple[Tensors, Tensors]:
    """The mean gradient over parts, and an estimate of the diagonal of the Hessian of their mean loss."""
    leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    gradient, diagonal = zeros(weights), zeros(weights)
    for part in parts:
        loss = run.loss(part, leaves, temperature=temperature, norms="running")
        slopes = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values()), create_graph=True), strict=True))
        for name, slope in slopes.items():
            gradient[name] += slope.detach()
        for _ in range(draws):
            signs = {n: (2 * (draw < 0.5) - 1).to(weights[n].dtype) for n, draw in noise(weights, run.rng).items()}
            along = torch.stack([(slope * signs[name]).sum() for name, slope in slopes.items()]).sum()
            products = torch.autograd.grad(along, list(leaves.values()), retain_graph=True)
            for (name, sign), product in zip(signs.items(), products, strict=True):
                diagonal[name] += sign * product / draws
    return gradient, diagonal


def zeros(weights: Tensors) -> dict[str, torch.Tensor]:
    """Zeros of the shapes of the weights."""
    return {name: torch.zeros_like(weight) for name, weight in weights.items()}


def warm_up(run: Run, steps: int) -> None:
    """Let norm layers follow the statistics of `steps` training batches. Nothing else changes."""
    name, value = next(iter(run.parameters.items()))
    with run.learning({"idle": torch.zeros_like(value)}, lambda idle: {name: value + 0 * idle["idle"]}):
        run.train(steps)
