"""Effective density: the kept weights that lie on a live path from input to output (Vysogorets & Kempe, 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.masks import Masks
from benchmark.objective import Objective
from benchmark.task import Batch, Task


def live_paths(model: nn.Module, task: Task, masks: Masks, batch: Batch) -> Masks:
    """The kept weights that a signal can pass through.

    The masks, scaled to a mean over the fan-in, stand in for the weights, zeros for the biases, and ones for the input;
    norms are passed by. A weight is live where the summed output depends on it. Nothing can cancel: every term is
    positive. Scaling keeps hundreds of layers within float64.
    """
    leaves = {name: (mask / max(1, mask[0].numel())).double().requires_grad_() for name, mask in masks.items()}
    others = {name: _bare(name, p) for name, p in model.named_parameters() if name not in masks}
    buffers = {name: b.double() if b.is_floating_point() else b.clone() for name, b in model.named_buffers()}
    with torch.enable_grad():
        total = Objective(model, task).flow(batch, others | buffers | leaves, norms=False)
        grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    live = {
        name: torch.zeros_like(masks[name]) if grad is None else grad > 0
        for name, grad in zip(leaves, grads, strict=True)
    }
    return masks & Masks(live)


def _bare(name: str, parameter: Tensor) -> Tensor:
    """A bias feeds no signal of the input; whatever else there is passes it on."""
    value = parameter.detach().double()
    return torch.zeros_like(value) if name.rpartition(".")[2] == "bias" else value.abs()
