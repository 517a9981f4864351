"""Gradients of the loss of single examples, many at a time where the loss can be vectorised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.utils._pytree import tree_leaves, tree_map

from benchmark.data.splits import Batch, Data
from benchmark.training.objective import Objective
from benchmark.training.unused_weights import with_zero_gradients

AT_ONCE = 2**23
"""The most numbers in the gradients that are computed at once: 32 MiB of float32.

What backward passes keep takes many times as much where the network has convolutions, and a large network is no faster
for being vectorised.
"""

Gradients = dict[str, Tensor]


def example_gradients(
    objective: Objective, weights: Mapping[str, Tensor], data: Data, groups: Tensor
) -> Iterator[Gradients]:
    """Yield the gradient of the mean loss of each group of examples, in eval mode.

    Args:
        weights: what to differentiate by; other parameters are the model's.
        groups: positions of the examples in the data, int64 [groups, size].
    """
    leaves = {name: weight.detach() for name, weight in weights.items()}
    most = min(256, max(1, AT_ONCE // max(1, sum(leaf.numel() for leaf in leaves.values()))))
    vectorised = most > 1
    for some in torch.split(groups, most):
        batch = data.batch(some.flatten())
        if vectorised and (found := _together(objective, leaves, batch, some)) is not None:
            yield from ({name: value[number] for name, value in found.items()} for number in range(len(some)))
            continue
        vectorised = False
        for group in some:
            yield one_gradient(objective, leaves, data.batch(group))


def one_gradient(objective: Objective, weights: Mapping[str, Tensor], batch: Batch) -> Gradients:
    """The gradient of the loss of one batch, in eval mode."""
    leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    loss = with_zero_gradients(objective.settled(batch, leaves), leaves.values())
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def _together(
    objective: Objective, leaves: Mapping[str, Tensor], batch: Batch, groups: Tensor
) -> dict[str, Tensor] | None:
    """The gradients of all groups, stacked; None if the loss cannot be vectorised, or a batch is more than tensors."""
    if any(not isinstance(v, Tensor) or v.shape[:1] != (groups.numel(),) for v in tree_leaves(batch)):
        return None
    parts = tree_map(lambda value: value.unflatten(0, groups.shape), batch)
    try:
        with torch.no_grad():  # or the gradients keep the graph by which they depend on parameters that are no leaves
            found: Gradients = vmap(grad(lambda used, one: objective.settled(one, used)), in_dims=(None, 0))(
                dict(leaves), parts
            )
        return found
    except torch.OutOfMemoryError:
        raise
    except Exception:  # an operator without a rule for vmap, or control flow that depends on values
        return None
