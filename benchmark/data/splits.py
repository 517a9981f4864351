"""The interface of data sets, and their three splits. The test split is sealed while an algorithm runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from benchmark.errors import Breach, PluginError

Batch = Any
"""What `Data.batch` returns and `Task.loss` takes. Only the task's own functions know its structure."""


class Data(Protocol):
    """One split of a data set, with examples that are read by index.

    Data may also have a method `check`, which raises ValueError if the examples cannot be used. It is called once, when
    a run reads its splits. A method `select(index)`, which returns the examples at `index`, int64 [b], as data of their
    own, lets the option `examples` of every task take a part of the training split.

    Data whose `batch` does the same work on the device for every index of the same length, without waiting for the
    device, may say so in the attribute `replayable`. A recorded step then reads its batch itself. Data that are not in
    memory may have a method `ahead(index)`. Training calls it with the index of its next batch, which the data can
    begin to read.
    """

    def __len__(self) -> int:
        """The number of examples; 1 for a single graph."""

    def batch(self, index: Tensor) -> Batch:
        """The examples at `index`, int64 [b]: on the device in the attribute `index_device`, by default the CPU."""

    def to(self, device: torch.device) -> Self:
        """The same data, with their tensors on `device`."""

    def rewrite(self, edit: Callable[[Any], Any]) -> Self:
        """The data with `edit` applied to every graph. Raises TypeError if the data are not graphs."""

    def relabelled(self, draw: torch.Generator) -> Self:
        """The same examples with their targets permuted."""

    @property
    def classes(self) -> Tensor | None:
        """The class of every example, int64 [n], on the CPU; None if examples do not have a single class each."""

    def graph(self, number: int) -> Any:
        """One graph, as `rewrite` passes it to an edit. Raises TypeError if the data are not graphs."""

    @property
    def node_classes(self) -> Tensor | None:
        """The class of every node of a single graph, int64 [n], -1 for nodes of other splits; None for other data."""

    @property
    def edges(self) -> int | None:
        """The number of undirected edges of all graphs together; None if the data are not graphs."""

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""


class Graphless:
    """A base class for data that are not graphs: it implements the parts of `Data` that are about graphs."""

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


class NotData(PluginError, TypeError):
    """Something that a task returns as a split cannot be read by index."""


class Splits:
    """The train, validation and test split of a data set. The test split cannot be read while `sealed` is active.

    Raises:
        NotData: a split is not `Data`, but a torch DataLoader or Dataset, for example.
        ValueError: a split is empty.
    """

    def __init__(self, train: Data, validation: Data, test: Data) -> None:
        for name, data in (("train", train), ("validation", validation), ("test", test)):
            _check(name, data)

        def read_test() -> Data:
            if _breaches is not None:
                _breaches.append("the test split was read while the algorithm ran")
                raise Breach(_breaches[-1])
            return test

        self.train, self.validation, self._read_test = train, validation, read_test

    @property
    def test(self) -> Data:
        """The test split. Raises Breach while an algorithm runs."""
        return self._read_test()


def _check(name: str, data: Data) -> None:
    lacking = [method for method in ("__len__", "batch", "to", "relabelled") if not hasattr(data, method)]
    if lacking:
        raise NotData(_INSTEAD.format(name=name, kind=type(data).__name__, lacking=", ".join(lacking)))
    if not len(data):
        raise ValueError(f"the {name} split is empty")


_INSTEAD = """the {name} split is a {kind}, which lacks {lacking}; examples are read by index, as those of torch are by
    {name} = DatasetData(dataset)
  (from benchmark import DatasetData), two tensors by TensorData(inputs, labels), and those of a class of your own that
  implements the protocol benchmark.Data"""

_breaches: list[str] | None = None
"""The attempts to read a test split; None while the test splits are not sealed."""


@contextmanager
def sealed() -> Iterator[list[str]]:
    """Raise Breach when any test split is read. The list has every attempt, even if the exception was caught."""
    global _breaches
    outer, breaches = _breaches, list[str]()
    _breaches = breaches
    try:
        yield breaches
    finally:
        _breaches = outer
