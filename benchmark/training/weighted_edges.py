"""Whether a network computes with the weights of edges."""

from __future__ import annotations

import copy

import torch

from benchmark.data.splits import Batch
from benchmark.errors import Inapplicable
from benchmark.training.objective import Objective


def require_used(objective: Objective, batch: Batch) -> None:
    """Check that the loss of a batch depends on its `edge_weight`.

    Raises:
        Inapplicable: the batch has none, or its loss is computed without them.
    """
    if (given := getattr(batch, "edge_weight", None)) is None:
        raise Inapplicable("this method gives edges weights, and the batches of this task have no edge_weight")
    weighted, weights = copy.copy(batch), given.detach().clone().requires_grad_()
    weighted.edge_weight = weights
    loss = objective.at(weighted, dict(objective.model.named_parameters()))
    if not loss.requires_grad or torch.autograd.grad(loss, weights, allow_unused=True)[0] is None:
        raise Inapplicable("this method gives edges weights, and this network computes without them")
