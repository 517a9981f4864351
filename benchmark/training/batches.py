"""The inputs of a training step, which depend on seed and step alone: its examples, and the noise of dropout."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.data.splits import Batch, Data
from benchmark.random_streams import stream, stream_seed
from benchmark.training.order import Order
from benchmark.training.recipe import Augment
from benchmark.training.shares import WHOLE, Shares, rows_of


class Batches:
    """The batches of a training.

    Args:
        size: the number of examples in a batch, if the data have as many.
        device: the device that dropout draws on.
        shares: divides batches among processes, if there are several.
    """

    def __init__(self, data: Data, size: int, seed: int, device: torch.device, shares: Shares | None) -> None:
        self._shares, self._noise = shares, default_generator(device)
        self._place = getattr(data, "index_device", torch.device("cpu"))  # data in files are indexed on the CPU
        self.change(data, size)
        self.reorder(seed)

    def change(self, data: Data, size: int) -> None:
        """From here on, read other data, or batches of another size, in the same order."""
        self.data, self._asked = data, size
        self.size = min(size, len(data))

    def reorder(self, seed: int) -> None:
        """Draw the order of the data, augmentation and dropout from another seed from here on."""
        self.seed, self._order = seed, Order(len(self.data), self._asked, seed, device=self._place)

    def index(self, step: int) -> Tensor:
        """The indices of the examples in a step's batch, int64 [size]."""
        return self._order[step]

    def whole(self, step: int, augment: Augment | None) -> Batch:
        """A step's batch, whole."""
        return self._rows(step, WHOLE, augment)

    def own(self, step: int, augment: Augment | None) -> Batch:
        """The examples of a step's batch that this process trains on."""
        if not self._shares:
            return self.whole(step, augment)
        rows = self._shares.rows(self.size, lambda rows, ahead: self._rows(step + ahead, rows, augment), augment)
        return self._rows(step, rows, augment)

    def reseed(self, step: int) -> None:
        """Seed the generator that dropout draws from, so that a step that is repeated draws the same noise."""
        self._noise.manual_seed(stream_seed(self.seed, "noise", step))

    def _rows(self, step: int, rows: slice, augment: Augment | None) -> Batch:
        """Examples of a step's batch, which is augmented whole: its random numbers do not depend on the rows."""
        read = WHOLE if augment else rows
        batch = self.data.batch(self._order[step][read])
        if begin := getattr(self.data, "ahead", None):
            begin(self._order[step + 1][read])
        return rows_of(augment(batch, stream(self.seed, "augmentation", step)), rows) if augment else batch


def default_generator(device: torch.device) -> torch.Generator:
    """The generator that dropout draws from on this device."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator
