"""Decides when a training step is recorded (`benchmark.training.cuda_graphs`), and says how steps are computed."""

from __future__ import annotations

from collections.abc import Callable

from benchmark.data.splits import Batch
from benchmark.training.cuda_graphs import WARM_UP, Captured, Record, recordable

SPARSE = "sparse below "
"""The beginning of `where.steps` of a record, before the share of kept weights."""


class Recording:
    """A recorded step, if there is one, and how often plain steps were made without it.

    Attributes:
        captured: the recorded step; None where plain code trains.
        mode: how steps are made: `captured`, `plain` with the reason if a recording failed, or what others say.
        rehearsals: the updates that were made only to try a recording.
    """

    def __init__(self) -> None:
        self.captured: Captured | None = None
        self.mode, self.rehearsals = "plain", 0
        self._record: Record | None = None
        self._may_read, self._warm = False, 0

    def use(self, record: Record | None, reads: bool) -> None:
        """Record steps in this way from here on; with None, none.

        Args:
            reads: whether the reading of a batch may be recorded, too.
        """
        self._record, self._may_read = record, reads

    @property
    def reads(self) -> bool:
        """Whether a recorded step reads its batch, too, so that only the index is copied into it."""
        return self._may_read and self._record is not None

    def warmed(self, steps: int = 1) -> None:
        """Count this many steps as made."""
        self._warm += steps

    def drop(self) -> None:
        """Forget the recorded step: the next one is recorded anew."""
        self.captured = None

    def restart(self) -> None:
        """Forget the recorded step: the next `WARM_UP` steps are plain ones."""
        self.captured, self._warm = None, 0

    def due(self, inputs: Batch) -> bool:
        """Whether a step with these inputs is to be recorded now."""
        return bool(self._record) and not self.captured and self._warm >= WARM_UP and recordable(inputs)

    def fitting(self, inputs: Batch) -> Captured | None:
        """The recorded step, if it was recorded with inputs of these shapes. Otherwise it is dropped."""
        if self.captured and not self.captured.fits(inputs):
            self.captured = None
        return self.captured

    def attempt(self, rehearse: Callable[[Record], Captured], reads: bool) -> None:
        """Record a step. If that fails, steps are plain from here on; `mode` has the reason.

        Args:
            reads: whether it reads its batch. If one that does fails, the next step is tried without the reading.
        """
        assert self._record
        try:
            self.captured = rehearse(self._record)
            self.mode = "captured"
        except Exception as problem:  # a step that cannot be recorded, for any reason, is trained with plain code
            self._record, self._may_read = self._record if reads else None, False
            self.mode = f"plain: {type(problem).__name__}: {' '.join(str(problem).split())[:200]}"

    def tell(self, mode: str) -> None:
        """Say how steps are made from here on. If some were sparse, this stays said: trained again, they have to be."""
        if not self.mode.startswith(SPARSE):
            self.mode = mode

    def count_rehearsal(self, *_: object) -> None:
        """Count an update as torch's hooks of optimizers see it, also while it is recorded."""
        self.rehearsals += 1
