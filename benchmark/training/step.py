"""What the methods of a `Run` return: snapshots, parts of the data, and the steps of a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from benchmark.data.splits import Batch, Data
from benchmark.pruning.masks import Masks

Tick = Callable[[int], None]
"""Called from time to time with the number of training steps so far."""


def one_draw(name: str) -> nn.Module:
    """Stands in for `draw` in a run that has no other network than the one it begins with."""
    raise RuntimeError("this run was made without another draw of its network")


def none_found(key: str) -> Masks:
    """Stands in for `found` in a run that is not given the masks of other records."""
    raise RuntimeError("this run was made without the masks of other records")


@dataclass(frozen=True)
class Snapshot:
    """Copies of a network's parameters and buffers, and its position on the schedule in updates (`clock`)."""

    state: Mapping[str, Tensor]
    clock: int


@dataclass(frozen=True)
class Part:
    """Some of the examples that are scored together. They are read from the data when `batch` is accessed.

    Args:
        index: the positions of these examples in the data, int64 [n].
        share: these examples as a share of all that are scored together.
        size: the number of these examples, as a multiple of the training batch size.
    """

    data: Data
    index: Tensor
    share: float = 1.0
    size: float = 1.0

    @property
    def batch(self) -> Batch:
        """The examples of this part."""
        return self.data.batch(self.index)


@dataclass
class Step:
    """A training step that pauses between its backward pass and its update.

    Args:
        index: the number of this update on the schedule, from 0.
        loss: the loss of this step's batch, before the update.
    """

    index: int
    loss: Tensor
    _read: Callable[[], Mapping[str, Tensor]]
    _grads: Mapping[str, Tensor] = field(default_factory=dict, init=False)
    _skipped: bool = field(default=False, init=False)

    @property
    def grads(self) -> Mapping[str, Tensor]:
        """The dense gradients of all that is trained, by name: weights (pruned positions included), biases, norms.

        Editing them in place changes the update.
        """
        if not self._grads:
            self._grads = self._read()
        return self._grads

    def skip(self) -> None:
        """Make no update in this step. The schedule and the data still advance."""
        self._skipped = True
