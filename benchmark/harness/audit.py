"""The audit of a pruned network after its algorithm has returned: pruned weights are zero, and as many as asked."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from benchmark.pruning.masks import Masks
from benchmark.pruning.target import Target
from benchmark.training.state import tensors


def audit(model: nn.Module, masks: Masks, target: Target, start: Mapping[str, Tensor]) -> list[str]:
    """Return everything that is wrong with a pruned network, a sentence each; empty if nothing is.

    Args:
        masks: the masks that were applied last.
        target: the density and the pattern that the masks must have.
        start: the tensors of the network before the algorithm was called.
    """
    state = tensors(model)
    breaches = _shape(state, start) + _finite(state) + _zeros(state, masks)
    breaches += _outside({name: p.detach() for name, p in model.named_parameters() if name not in masks}, start)
    if wrong := target.pattern.breach(masks, target.density):
        breaches.append(wrong)
    return breaches


def _shape(state: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> list[str]:
    if {name: value.shape for name, value in state.items()} != {name: value.shape for name, value in start.items()}:
        return ["the network's tensors are not the ones it started with"]
    return []


def _finite(state: Mapping[str, Tensor]) -> list[str]:
    return [f"'{name}' holds NaN or infinity" for name, value in state.items() if not bool(value.isfinite().all())]


def _zeros(state: Mapping[str, Tensor], masks: Masks) -> list[str]:
    counts = {name: int((state[name][~mask] != 0).sum()) for name, mask in masks.items() if name in state}
    return [f"'{name}' has {n:,} pruned weights that are not zero" for name, n in counts.items() if n]


def _outside(parameters: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> list[str]:
    """Breaches of parameters that may not be pruned: training never sets an entry to exactly 0, pruning does."""
    breaches = []
    for name, value in parameters.items():
        if name in start and start[name].shape == value.shape:
            zeroed = int(((value == 0) & (start[name] != 0)).sum())
            if zeroed:
                breaches.append(f"'{name}' may not be pruned and has {zeroed:,} entries that were set to zero")
    return breaches
