"""Effective density: the share of weights that connect an input to an output (Vysogorets & Kempe, 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.data.splits import Batch
from benchmark.pruning.masks import Masks
from benchmark.training.objective import Objective
from benchmark.training.task import Task


def live_paths_or_reason(model: nn.Module, task: Task, masks: Masks, batch: Batch) -> Masks | str:
    """Return the live paths, or why they cannot be computed: layers of a fixed type, for example.

    Raises:
        OutOfMemoryError: the device has not enough memory.
    """
    if not masks:
        return masks
    try:
        return live_paths(model, task, masks, batch)
    except torch.OutOfMemoryError:
        raise
    except Exception as problem:  # what a network does with float64 and ones cannot be foreseen
        reason = f"{type(problem).__name__}: {' '.join(str(problem).split())[:300]}"
        return f"no live paths: the signal cannot be sent through this network ({reason})"


def live_paths(model: nn.Module, task: Task, masks: Masks, batch: Batch) -> Masks:
    """Return masks of the kept weights that lie on a path from an input to an output.

    Every kept weight is replaced by a random positive one, scaled so that the weights into a unit sum to 1. Biases are
    zero, inputs are positive, norm layers only scale, and means replace maxima. A weight is on a path if a random
    projection of the outputs has a gradient in it: all terms inside the network are positive, and the projection keeps
    them from cancelling by symmetry at its end. The sums of 1 keep the values of hundreds of layers within float64.
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
    """Random positive float64 weights at the kept positions, which sum to 1 over the inputs of every unit."""
    weights = mask * (0.5 + torch.rand(mask.shape, generator=draw, dtype=torch.float64)).to(mask.device)
    into_unit = weights.reshape(len(weights), -1).sum(dim=1).clamp_min(torch.finfo(weights.dtype).tiny)
    return weights / into_unit.view(-1, *[1] * (mask.dim() - 1))


def _bare(name: str, parameter: Tensor) -> Tensor:
    """What replaces a parameter that is not pruned: zeros for a bias, which carries no signal, else absolute values."""
    value = parameter.detach().double()
    own = name.rpartition(".")[2]
    return torch.zeros_like(value) if own in ("bias", "in_proj_bias") or own.startswith("bias_") else value.abs()
