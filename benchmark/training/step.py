"""Run: what an algorithm is handed, and the verbs that are its only road to the network and the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from benchmark.data.splits import Batch, Data

Tick = Callable[[int], None]
"""Called now and then with the number of updates done."""


@dataclass(frozen=True)
class Snapshot:
    """The network at a moment: copies of its parameters and buffers, and where on the schedule it was."""

    state: Mapping[str, Tensor]
    clock: int


@dataclass(frozen=True)
class Part:
    """Some of the examples that are scored together, drawn from the data when they are looked at.

    Args:
        index: their places in the data, int64 [n].
        share: of all these examples.
        size: in training batches.
    """

    data: Data
    index: Tensor
    share: float = 1.0
    size: float = 1.0

    @property
    def batch(self) -> Batch:
        """The examples themselves."""
        return self.data.batch(self.index)


@dataclass
class Step:
    """The pause between backward and update.

    Args:
        index: which update of the schedule this is, from 0.
        loss: of this step's batch, before the update.
    """

    index: int
    loss: Tensor
    _read: Callable[[], Mapping[str, Tensor]]
    _grads: Mapping[str, Tensor] = field(default_factory=dict, init=False)
    _skipped: bool = field(default=False, init=False)

    @property
    def grads(self) -> Mapping[str, Tensor]:
        """The dense gradient of what is trained, pruned positions included. Editing it in place changes the update."""
        if not self._grads:
            self._grads = self._read()
        return self._grads

    def skip(self) -> None:
        """Let this step pass without an update; the schedule and the data move on."""
        self._skipped = True
