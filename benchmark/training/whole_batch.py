"""Batch norm and dropout of a whole batch, in a process that computes a part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from benchmark.training.ranks import Ranks


@dataclass(frozen=True)
class Part:
    """The examples from `first` to before `end` of a batch of `count`."""

    first: int
    end: int
    count: int

    @property
    def rows(self) -> slice:
        """Their places in the batch."""
        return slice(self.first, self.end)

    @property
    def share(self) -> float:
        """Them as a share of the batch."""
        return (self.end - self.first) / self.count


def part_of(count: int, ranks: Ranks) -> Part:
    """The examples of a process: in order, and as many as in every other process or one more."""
    return Part(count * ranks.rank // ranks.count, count * (ranks.rank + 1) // ranks.count, count)


class WholeBatch(TorchFunctionMode):
    """Within this context, what a network computes for a part of a batch are rows of what it computes for the whole.

    Batch norm normalises by the statistics of the whole batch, which the processes add up. Dropout draws the noise of
    the whole batch from the global generator, as one process would, and takes its rows. Everything else in a network
    treats each example by itself, or is detected by `benchmark.training.shares`.
    """

    def __init__(self, part: Part, ranks: Ranks) -> None:
        super().__init__()
        self._part, self._ranks = part, ranks

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is F.batch_norm:
            return self._batch_norm(*args, **(kwargs or {}))
        if func in DROPOUTS:
            return self._dropout(func, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _dropout(
        self, func: Callable[..., Tensor], fed: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        each, rest = divmod(len(fed), self._part.end - self._part.first)  # rows of an example: tokens, for instance
        if not training or rest:
            return func(fed, p, training, inplace)
        whole = fed.new_ones(self._part.count * each, *fed.shape[1:])
        noise = func(whole, p, True, False)[self._part.first * each : self._part.end * each]
        return fed.mul_(noise) if inplace else fed * noise

    def _batch_norm(
        self,
        fed: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            return F.batch_norm(fed, running_mean, running_var, weight, bias, training, momentum, eps)
        wide = fed.float() if fed.dtype in (torch.float16, torch.bfloat16) else fed
        over, shape = [0, *range(2, fed.dim())], (1, -1, *(1 for _ in range(2, fed.dim())))
        # sums of 64 bits, as torch's own have on a CPU
        sum_of = partial(torch.sum, dim=over, dtype=torch.float64)
        sums = added(torch.cat([sum_of(wide), sum_of(torch.ones_like(wide[:, :1]))]), self._ranks)
        count, mean = sums[-1].detach(), (sums[:-1] / sums[-1].detach()).to(wide.dtype)
        centred = wide - mean.view(shape)
        variance = (added(sum_of(centred.square()), self._ranks) / count).to(wide.dtype)
        with torch.no_grad():
            for running, now in ((running_mean, mean), (running_var, variance * (count / (count - 1)))):
                if running is not None:
                    running.mul_(1 - momentum).add_(now.to(running.dtype), alpha=momentum)
        output = centred * (variance + eps).rsqrt().view(shape)
        output = output if weight is None else output * weight.view(shape)
        return (output if bias is None else output + bias.view(shape)).to(fed.dtype)


DROPOUTS = frozenset({F.dropout, F.dropout1d, F.dropout2d, F.dropout3d})
"""They multiply by noise that is independent of their input."""


def added(values: Tensor, ranks: Ranks) -> Tensor:
    """The sum of a tensor over all processes, differentiable: every process has a part in the gradient of each."""
    return _Added.apply(values, ranks)  # type: ignore[no-any-return]


class _Added(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.add(values.clone())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return ctx.ranks.add(grads[0].clone()), None
