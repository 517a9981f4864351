"""The training step: one forward and backward, a pause, one masked update."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.random_streams import stream


class Order:
    """Which examples make up the batch of a step: a new permutation every epoch, a last short batch left out.

    Args:
        device: where the permutation lies. It is drawn on the CPU, so that devices agree, and copied once an epoch.
    """

    def __init__(
        self, size: int, batch_size: int, seed: int, name: str = "order", device: torch.device | None = None
    ) -> None:
        self.batch_size = min(batch_size, size)
        self._size, self._seed, self._name, self._device = size, seed, name, device
        self._epoch, self._permutation = -1, torch.empty(0)

    def __getitem__(self, step: int) -> Tensor:
        """int64 [batch_size]: a pure function of the seed and the step."""
        epoch, position = divmod(step, self._size // self.batch_size)
        if epoch != self._epoch:
            drawn = torch.randperm(self._size, generator=stream(self._seed, self._name, epoch))
            self._permutation = drawn.to(self._device)
            self._epoch = epoch
        return self._permutation[position * self.batch_size : (position + 1) * self.batch_size]
