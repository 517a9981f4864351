"""Entries of parameters that an update leaves as they are: pruned ones at 0, held ones at their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmark.pruning.masks import Masks


class Held(NamedTuple):
    """Entries of a parameter that never change, bool of its shape, and the values of the parameter that they keep."""

    entries: Tensor
    values: Tensor


class FixedEntries:
    """The pruned and the held entries of `parameters`.

    Gradients are masked, and pruned weights and their optimizer state are set to zero once (`project`). Momentum,
    Adam's moments and weight decay then keep a pruned weight at 0, at half the cost of masking after the update.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._parameters = parameters
        self._masked: list[Tensor] = []
        self._floats: list[Tensor] = []
        self._held: list[tuple[Tensor, Held]] = []

    def project(self, masks: Masks, memory: Callable[[Tensor], Mapping[str, Any]]) -> bool:
        """Set pruned weights and their optimizer state to zero. Masks are written to the same tensors as before.

        Args:
            memory: returns the optimizer's state of a parameter.

        Returns:
            Whether other parameters than before are pruned, so that other tensors have their masks.
        """
        partly = {n: mask for n, mask in masks.items() if n in self._parameters and not bool(mask.all())}
        masked = [self._parameters[name] for name in partly]
        others = len(masked) != len(self._masked) or any(a is not b for a, b in zip(masked, self._masked, strict=True))
        if others:
            self._masked, self._floats = masked, [torch.empty_like(weight) for weight in masked]
        with torch.no_grad():
            for weight, mask, float_mask in zip(self._masked, partly.values(), self._floats, strict=True):
                float_mask.copy_(mask)
                weight.masked_fill_(~mask, 0)
                for slot in memory(weight).values():
                    if slot.shape == weight.shape:
                        slot.masked_fill_(~mask, 0)
        return others

    def hold(self, held: Mapping[str, Held]) -> None:
        """Hold these entries of these parameters, and no others, at their values."""
        self._held = [(self._parameters[name], one) for name, one in held.items() if name in self._parameters]
        self.put_back()

    @torch.no_grad()
    def put_back(self) -> None:
        """Give the entries that are held their values, after something has written to their parameters."""
        for parameter, held in self._held:
            parameter.copy_(torch.where(held.entries, held.values, parameter))

    def mask_gradients(self) -> None:
        """Set the gradients of all of these entries to zero, so that they do not count in clipping either."""
        live = [(w.grad, m) for w, m in zip(self._masked, self._floats, strict=True) if w.grad is not None]
        if live:
            torch._foreach_mul_([grad for grad, _ in live], [mask for _, mask in live])
        for parameter, held in self._held:
            if parameter.grad is not None:
                parameter.grad.masked_fill_(held.entries, 0)

    @property
    def masked_places(self) -> list[int]:
        """The indices, among all parameters, of those that are partly pruned."""
        return [next(i for i, p in enumerate(self._parameters.values()) if p is weight) for weight in self._masked]

    @property
    def masks(self) -> list[Tensor]:
        """The masks of these parameters, bool."""
        return [mask.bool() for mask in self._floats]

    @property
    def held(self) -> list[Tensor]:
        """The entries that are held, bool of their parameters' shapes."""
        return [held.entries for _, held in self._held]
