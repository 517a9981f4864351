"""Several texts in one row, so that a network spends no work on padding: half of it or more with short texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Where the pieces of a batch of texts lie in rows that several of them share.

    Args:
        slots: of each place of each text, its number among all places of all rows, int64 [texts, length]; of places
            without text the first one.
        there: where there is text, bool [texts, length].
        rows: how many rows there are.
    """

    slots: Tensor
    there: Tensor
    rows: int

    @classmethod
    def of(cls, there: Tensor) -> Packing | None:
        """First-fit decreasing: the longest text first, each to the first row that has room for it.

        None where packing saves no row; where a GPU computes gradients, as its recorded steps have one shape and wait
        for nothing; where texts are vectorised over (`torch.func.vmap`), so that nobody knows their lengths; and where
        the network is exported, to be given texts of other lengths.

        Args:
            there: where texts have pieces, bool [texts, length]; those of a text are its first places.
        """
        lengths = _known(there)
        if lengths is None:
            return None
        width = there.shape[1]
        used, starts = list[int](), [0] * len(lengths)
        for text in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
            row = next((row for row, full in enumerate(used) if full + lengths[text] <= width), len(used))
            if row == len(used):
                used.append(0)
            starts[text] = row * width + used[row]
            used[row] += lengths[text]
        if len(used) == len(lengths):
            return None
        places = torch.tensor(starts, device=there.device).unsqueeze(1) + torch.arange(width, device=there.device)
        return cls(places.masked_fill(~there, 0), there, len(used))

    def pack(self, values: Tensor, empty: int) -> Tensor:
        """From values of texts, [texts, length], to those of rows, [rows, length]; `empty` where no text lies."""
        rows = values.new_full((self.rows * values.shape[1],), empty)
        rows[self.slots[self.there]] = values[self.there]
        return rows.view(self.rows, -1)

    def unpack(self, held: Tensor) -> Tensor:
        """From what places of rows hold, [rows, length, width], to what those of texts hold, [texts, length, width]."""
        return held.flatten(0, 1).index_select(0, self.slots.flatten()).view(*self.slots.shape, -1)

    @property
    def texts(self) -> Tensor:
        """The number of the text that lies at each place of the rows, int64 [rows, length]; -1 where none does."""
        numbers = torch.arange(len(self.slots), device=self.slots.device).unsqueeze(1)
        return self.pack(numbers.expand_as(self.slots), -1)

    @property
    def positions(self) -> Tensor:
        """How far each place of the rows is from the beginning of its text, int64 [rows, length]; else 0."""
        positions = torch.arange(self.slots.shape[1], device=self.slots.device)
        return self.pack(positions.expand_as(self.slots), 0)


def _known(there: Tensor) -> Sequence[int] | None:
    recorded = there.device.type != "cpu" and torch.is_grad_enabled()
    if recorded or torch.compiler.is_compiling():
        return None
    try:
        lengths: list[int] = there.sum(dim=1).tolist()
    except RuntimeError:  # vectorised over, or without values
        return None
    return lengths
