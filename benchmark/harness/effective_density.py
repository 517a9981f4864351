"""Effective density: the kept weights that lie on a live path from input to output (Vysogorets & Kempe, 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.data.splits import Batch
from benchmark.pruning.masks import Masks
from benchmark.training.objective import Objective
from benchmark.training.task import Task


def live_paths(model: nn.Module, task: Task, masks: Masks, batch: Batch) -> Masks:
    """The kept weights that a signal can pass through.

    Every kept weight is replaced by a random positive one, scaled so that those into a unit sum to 1; biases are zero,
    inputs one, norms passed by and maxima replaced by means. A weight is live where a random projection of the outputs
    depends on it: all terms are positive inside the network, and none can cancel by symmetry at its end. The sums of 1
    keep hundreds of layers within float64.
    """
    draw = torch.Generator().manual_seed(0)
    leaves = {name: _row_stochastic(mask, draw).requires_grad_() for name, mask in masks.items()}
    others = {name: _bare(name, p) for name, p in model.named_parameters() if name not in masks}
    buffers = {name: b.double() if b.is_floating_point() else b.clone() for name, b in model.named_buffers()}
    with torch.enable_grad():
        outputs = Objective(model, task).flow(batch, others | buffers | leaves, bare=True)
        projection = torch.rand(outputs.shape, generator=draw, dtype=torch.float64).to(outputs.device)
        grads = torch.autograd.grad((outputs * projection).sum(), list(leaves.values()), allow_unused=True)
    live = {
        name: torch.zeros_like(masks[name]) if grad is None else grad != 0
        for name, grad in zip(leaves, grads, strict=True)
    }
    return masks & Masks(live)


def _row_stochastic(mask: Tensor, draw: torch.Generator) -> Tensor:
    """Random positive float64 where the mask keeps, summing to 1 over the inputs of every unit."""
    weights = mask * (0.5 + torch.rand(mask.shape, generator=draw, dtype=torch.float64)).to(mask.device)
    into_unit = weights.flatten(1).sum(dim=1).clamp_min(torch.finfo(weights.dtype).tiny)
    return weights / into_unit.view(-1, *[1] * (mask.dim() - 1))


def _bare(name: str, parameter: Tensor) -> Tensor:
    """A bias feeds no signal of the input; whatever else there is passes it on."""
    value = parameter.detach().double()
    return torch.zeros_like(value) if name.rpartition(".")[2] == "bias" else value.abs()
