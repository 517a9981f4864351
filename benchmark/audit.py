"""The audit: what is found after an algorithm has returned, whatever it said it did."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from benchmark.masks import Masks
from benchmark.target import Target


def tensors(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer, detached, those that `state_dict` leaves out too."""
    return {n: value.detach() for n, value in (*model.named_parameters(), *model.named_buffers())}


def fingerprint(model: nn.Module) -> str:
    """SHA-256 of every parameter and buffer."""
    state = tensors(model)
    return digest_of(list(state), state.values())


def digest_of(about: object, values: Iterable[Tensor]) -> str:
    """SHA-256 of tensors with their shapes and types, and of what `repr` says of `about`."""
    found = list(values)
    sha = hashlib.sha256(repr([about, [(tuple(value.shape), value.dtype) for value in found]]).encode())
    for value in _on_cpu(found):
        sha.update(value.numpy().data)
    return sha.hexdigest()


def _on_cpu(values: Sequence[Tensor]) -> list[Tensor]:
    """The bytes of each, uint8 [n]; those of a GPU in a single copy, for each copy waits for the device."""
    pieces = [value.detach().contiguous().reshape(-1).view(torch.uint8) for value in values]
    return [torch.cat(pieces).cpu()] if any(piece.device.type != "cpu" for piece in pieces) else pieces


def version(model: nn.Module) -> int:
    """Grows with every in-place change of a parameter or buffer: cheap enough to look at in every step."""
    return sum(value._version for value in (*model.parameters(), *model.buffers()))


def audit(model: nn.Module, masks: Masks, target: Target, start: Mapping[str, Tensor]) -> list[str]:
    """Everything wrong with a pruned network, in words; empty where nothing is.

    Args:
        masks: what the run says is kept.
        start: the state of the network before the algorithm was called.
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
    """Training moves a bias, but never to exactly 0: that is pruning outside the prunable policy."""
    breaches = []
    for name, value in parameters.items():
        if name in start and start[name].shape == value.shape:
            zeroed = int(((value == 0) & (start[name] != 0)).sum())
            if zeroed:
                breaches.append(f"'{name}' may not be pruned and has {zeroed:,} entries that were set to zero")
    return breaches
