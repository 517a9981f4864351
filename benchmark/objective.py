"""The training loss as a function of weights that are handed in: scoring without a trace on the model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from benchmark.task import Batch, Task


class Objective(nn.Module):
    """`task.loss` of a model, callable with other parameters and, always, with copies of the buffers.

    Batch norm's running statistics, the parameters, their `.grad` and the random state stay as they were.
    """

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model = model
        self._task_loss = task.loss

    def forward(self, batch: Batch) -> Tensor:
        return self._task_loss(self.model, batch)

    def at(self, batch: Batch, weights: Mapping[str, Tensor], noise: int = 0) -> Tensor:
        """The loss of a batch with `weights` in place of the model's own, differentiable in them.

        Args:
            noise: the seed that dropout draws from.
        """
        state = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        state |= weights
        with torch.random.fork_rng(devices=_cuda_devices(self.model)):
            torch.manual_seed(noise)
            loss: Tensor = functional_call(self, {f"model.{name}": value for name, value in state.items()}, (batch,))
        return loss


def _cuda_devices(model: nn.Module) -> list[int]:
    return sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
