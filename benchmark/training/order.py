"""The order in which a training goes through its examples."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.random_streams import stream


class Order:
    """The examples in the batch of each step: a new permutation every epoch, without the short batch at its end.

    Args:
        size: the number of examples.
        name: the name of the random stream that the permutations are drawn from.
        device: where the permutation is kept. It is drawn on the CPU, so that every device has the same order, and
            copied once per epoch.
    """

    def __init__(
        self, size: int, batch_size: int, seed: int, name: str = "order", device: torch.device | None = None
    ) -> None:
        self.batch_size = min(batch_size, size)
        self._size, self._seed, self._name, self._device = size, seed, name, device
        self._epoch, self._permutation = -1, torch.empty(0)

    def __getitem__(self, step: int) -> Tensor:
        """The indices of a step's examples, int64 [batch_size]: a pure function of the seed and the step."""
        epoch, position = divmod(step, self._size // self.batch_size)
        if epoch != self._epoch:
            drawn = torch.randperm(self._size, generator=stream(self._seed, self._name, epoch))
            self._permutation = drawn.to(self._device)
            self._epoch = epoch
        return self._permutation[position * self.batch_size : (position + 1) * self.batch_size]
