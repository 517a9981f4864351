"""Data that examples are drawn from by index, and their three splits; the test split can be sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from benchmark.errors import Breach

Batch = Any
"""What `Data.batch` returns and `Task.loss` takes. Only the task's own functions look inside."""


class Data(Protocol):
    """One split: examples that can be drawn by index."""

    def __len__(self) -> int:
        """How many examples there are; 1 for a single graph."""

    def batch(self, index: Tensor) -> Batch:
        """The examples at `index`: int64 [b], on the CPU, or where the attribute `index_device` of the data says."""

    def to(self, device: torch.device) -> Self:
        """The same data, resident on `device`."""

    def rewrite(self, edit: Callable[[Any], Any]) -> Self:
        """The data with `edit` applied to every graph. Raises TypeError where there is none."""

    def relabelled(self, draw: torch.Generator) -> Self:
        """The same examples with the targets permuted among them."""

    @property
    def classes(self) -> Tensor | None:
        """The class of every example, int64 [n], on the CPU; None where examples have no single class."""

    def graph(self, number: int) -> Any:
        """One graph, as an edit sees it. Raises TypeError where there is none."""

    @property
    def node_classes(self) -> Tensor | None:
        """The class of every node of a single graph, int64 [n], -1 where this split does not know it; else None."""

    @property
    def edges(self) -> int | None:
        """Undirected edges over all graphs; None where the data are no graphs."""

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""


class Graphless:
    """What `Data` says of graphs, where there is none."""

    def rewrite(self, edit: Callable[[Any], Any]) -> Self:
        raise TypeError("this task has no graph; there is nothing to rewrite")

    def graph(self, number: int) -> Any:
        raise TypeError("this task has no graph")

    @property
    def node_classes(self) -> Tensor | None:
        return None

    @property
    def edges(self) -> int | None:
        return None


class Splits:
    """Train, validation and test. The test split cannot be read while an algorithm runs (`sealed`)."""

    def __init__(self, train: Data, validation: Data, test: Data) -> None:
        def opened() -> Data:
            if _watch is not None:
                _watch.append("the test split was read while the algorithm ran")
                raise Breach(_watch[-1])
            return test

        self.train, self.validation, self._open = train, validation, opened

    @property
    def test(self) -> Data:
        return self._open()


_watch: list[str] | None = None


@contextmanager
def sealed() -> Iterator[list[str]]:
    """Within it, reading any test split is refused, and noted in the list even where the refusal is swallowed."""
    global _watch
    outer, notes = _watch, list[str]()
    _watch = notes
    try:
        yield notes
    finally:
        _watch = outer
