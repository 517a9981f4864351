"""Reads the images of the next batch in a thread of its own, while a GPU trains on the last one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import torch
from torch import Tensor

from ._classification import Labelled

Read = Callable[[Tensor], Labelled]
"""Returns the images and labels at an index, int64 [b], on the CPU."""


class ReadAhead:
    """Reads batches, of which one at a time may be begun before it is asked for."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._begun: tuple[Tensor, Future[Labelled]] | None = None

    def begin(self, index: Tensor) -> None:
        """Begin to read what is at `index`, into pinned memory if there is a GPU to come to."""
        if self._begun:
            self._begun[1].cancel()
        self._begun = index, _thread().submit(lambda: pinned(self._read(index)))

    def take(self, index: Tensor) -> Labelled:
        """What is at `index`. It is read now if another batch was begun, which stays begun.

        Raises:
            Exception: what `read` raises.
        """
        if not self._begun or not torch.equal(self._begun[0], index):
            return self._read(index)
        future, self._begun = self._begun[1], None
        return future.result()


def pinned(batch: Labelled) -> Labelled:
    """A copy in memory from which a GPU reads while the CPU goes on; the batch itself where torch finds no GPU."""
    images, labels = batch
    return (images.pin_memory(), labels.pin_memory()) if torch.cuda.is_available() else batch


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
