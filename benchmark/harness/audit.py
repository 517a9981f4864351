"""The audit of a network after its algorithm has returned: pruned weights are zero, and their number is right."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from benchmark.pruning.masks import Masks
from benchmark.pruning.target import Target

State = Mapping[str, Tensor]
"""Parameters and buffers by name."""


def audit(state: State, masks: Masks, target: Target, start: State, parameters: Collection[str]) -> list[str]:
    """Return everything that is wrong with a pruned network, one sentence each; empty if nothing is.

    Args:
        state: the tensors of the network.
        masks: the masks that were applied last.
        target: the density and the pattern that the masks must have.
        start: the tensors of the network before the algorithm was called.
        parameters: the names of those that are parameters; the others are buffers.
    """
    if other := _shape(state, start):
        return other
    breaches = _finite(state) + _zeros(state, masks)
    breaches += _outside({name: state[name] for name in parameters if name not in masks}, start)
    if wrong := target.pattern.breach(masks, target.density):
        breaches.append(wrong)
    return breaches


def _shape(state: State, start: State) -> list[str]:
    if _kinds(state) != _kinds(start):
        return ["the network's tensors are not the ones it started with"]
    return []


def _kinds(state: State) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (value.shape, value.dtype) for name, value in state.items()}


def _finite(state: State) -> list[str]:
    return [f"'{name}' holds NaN or infinity" for name, value in state.items() if not bool(value.isfinite().all())]


def _zeros(state: State, masks: Masks) -> list[str]:
    counts = {name: int((state[name][~mask] != 0).sum()) for name, mask in masks.items() if name in state}
    return [f"'{name}' has {n:,} pruned weights that are not zero" for name, n in counts.items() if n]


def _outside(parameters: State, start: State) -> list[str]:
    """Breaches of parameters that may not be pruned: training never sets an entry to exactly 0, pruning does."""
    breaches = []
    for name, value in parameters.items():
        if zeroed := int(((value == 0) & (start[name] != 0)).sum()):
            breaches.append(f"'{name}' may not be pruned and has {zeroed:,} entries that were set to zero")
    return breaches
