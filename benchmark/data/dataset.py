"""Data sets of torch, `Dataset` and `DataLoader`, as `Data`: read by index, kept in memory if they fit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from benchmark.data.splits import Batch, Graphless, NotData
from benchmark.data.tensors import bytes_of
from benchmark.errors import Inapplicable, one_line

Collate = Callable[[list[Any]], Batch]
"""A function from a list of examples to a batch."""

CPU = torch.device("cpu")

SAMPLE = 64
"""The number of examples that stand for all in the digest of a data set that is not kept in memory."""


class Examples(Protocol):
    """The interface of a `torch.utils.data.Dataset` with a length."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class DatasetData(Graphless):
    """Examples of a `torch.utils.data.Dataset`, or of the one in a `DataLoader`, of any structure.

    The recipe sets the batch size, and the seed of a run the order; those of a loader are not used. An example has to
    be the same each time it is read: random augmentation belongs in `Recipe.augment`.

    Args:
        dataset: anything with `len(dataset)` and `dataset[number]`; for a `DataLoader`, its `dataset` and `collate_fn`
            are used.
        collate: a function from a list of examples to a batch: it pads examples of different lengths, for example. By
            default torch's `default_collate`, with 64-bit floats as float32.
        target: which entry of an example, a tuple or a dictionary, is its target; by default the last one of a tuple,
            and `labels` or `label` of a dictionary.
        memory: the number of bytes up to which all examples are read once and kept; larger data are read anew for each
            batch.
        device: where batches are wanted. Examples that are kept and have the same shape are stored there, too.

    Raises:
        NotData: the data set has no length, or cannot be read by number; later, its examples cannot form a batch.
    """

    dataset: Any
    collate: Collate | None = None
    target: int | str | None = None
    memory: int = 2**31
    device: torch.device = CPU

    def __post_init__(self) -> None:
        if isinstance(self.dataset, DataLoader):
            collate = self.dataset.collate_fn if self.dataset.collate_fn is not default_collate else None
            object.__setattr__(self, "collate", self.collate or collate)
            object.__setattr__(self, "dataset", self.dataset.dataset)
        if not (hasattr(self.dataset, "__len__") and hasattr(self.dataset, "__getitem__")):
            kind = type(self.dataset).__name__
            raise NotData(f"a {kind} has no examples by number: give a data set with len(dataset) and dataset[number]")
        if self._fits and not isinstance(self.dataset, list):
            object.__setattr__(self, "dataset", [self.dataset[number] for number in range(len(self.dataset))])

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def kept(self) -> bool:
        """Whether all examples are in memory."""
        return isinstance(self.dataset, list)

    @property
    def _fits(self) -> bool:
        sizes = [size_of(self.dataset[number]) for number in spread(len(self), 8)]
        return sum(sizes) / max(1, len(sizes)) * len(self) <= self.memory

    @cached_property
    def _stacked(self) -> Batch | None:
        """All examples as one batch on the device, if they are kept and have the same shape; otherwise None."""
        if self.collate or not self.kept:
            return None
        try:
            whole = default_batch(self.dataset)
        except NotData:  # of different lengths, or not numbers: reported when a batch of them is read
            return None
        tensors = all(isinstance(leaf, Tensor) and len(leaf) == len(self) for leaf in leaves_of(whole))
        return moved(whole, self.device) if tensors else None

    @property
    def index_device(self) -> torch.device:
        """The device on which an index is looked up."""
        return CPU if self._stacked is None else self.device

    def batch(self, index: Tensor) -> Batch:
        if self._stacked is not None:
            rows = index.to(self.device)
            return mapped(self._stacked, lambda leaf: leaf.index_select(0, rows))
        examples = [self.dataset[number] for number in index.tolist()]
        return moved((self.collate or default_batch)(examples), self.device)

    def check(self) -> None:
        """Raise ValueError if a kept example has NaN or infinite numbers."""
        bad = sum(not all(map(is_finite, leaves_of(example))) for example in (self.dataset if self.kept else ()))
        if bad:
            raise ValueError(f"{bad:,} of {len(self):,} examples have NaN or infinite numbers")

    def to(self, device: torch.device) -> Self:
        return replace(self, device=device)

    def select(self, index: Tensor) -> Self:
        """The examples at `index`, int64 [b]."""
        numbers = index.tolist()
        return replace(self, dataset=[self.dataset[i] for i in numbers] if self.kept else Chosen(self.dataset, numbers))

    def relabelled(self, draw: torch.Generator) -> Self:
        order = torch.randperm(len(self), generator=draw).tolist()
        other = Relabelled(self.dataset, order, self._place)
        return replace(self, dataset=[other[number] for number in range(len(self))] if self.kept else other)

    @cached_property
    def _place(self) -> int | str:
        """Which entry of an example is its target. Raises Inapplicable if this cannot be told."""
        first = self.dataset[0]
        if self.target is not None:
            return self.target
        if isinstance(first, tuple | list) and len(first) > 1:
            return len(first) - 1
        named = [name for name in ("labels", "label") if isinstance(first, Mapping) and name in first]
        if not named:
            raise Inapplicable("the examples have no target that is known: DatasetData(dataset, target=...) names it")
        return named[0]

    @cached_property
    def classes(self) -> Tensor | None:
        if not self.kept:
            return None
        try:
            targets = [torch.as_tensor(example[self._place]) for example in self.dataset]
        except (Inapplicable, LookupError, TypeError, ValueError, RuntimeError):
            return None
        single = all(target.dim() == 0 and not target.is_floating_point() for target in targets)
        return torch.stack(targets).long() if single else None

    def digests(self) -> list[str]:
        """SHA-256 of each example; if the data are not kept, of some examples that are evenly spread."""
        numbers = range(len(self)) if self.kept else spread(len(self), SAMPLE)
        return [hashlib.sha256(b"".join(content(self.dataset[number]))).hexdigest() for number in numbers]

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(f"{len(self)} {self.digests()}".encode()).hexdigest()


class Chosen:
    """Some examples of a data set, by number, read on access."""

    def __init__(self, dataset: Examples, numbers: Sequence[int]) -> None:
        self._dataset, self._numbers = dataset, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, number: int) -> Any:
        return self._dataset[self._numbers[number]]


class Relabelled:
    """Examples of a data set, each with the target of another, read on access."""

    def __init__(self, dataset: Examples, order: Sequence[int], place: int | str) -> None:
        self._dataset, self._order, self._place = dataset, order, place

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> Any:
        example, target = self._dataset[number], self._dataset[self._order[number]][self._place]
        if isinstance(example, Mapping):
            return {**example, self._place: target}
        values = list(example)
        values[self._place] = target  # type: ignore[index]  # a number, of a tuple
        return tuple(values)


# --- batches and examples of whatever structure -----------------------------------------------------------------------


def default_batch(examples: list[Any]) -> Batch:
    """Torch's `default_collate`, with 64-bit floats, which Python and numpy have, as the float32 of networks.

    Raises:
        NotData: examples differ in shape, or have something other than numbers, strings and tensors.
    """
    try:
        batch = default_collate(examples)
    except (RuntimeError, TypeError) as error:
        remedy = "give the data set a transform to tensors of one shape, or DatasetData a function collate=..."
        raise NotData(f"the examples cannot be put into a batch: {one_line(error)[:200]}; {remedy}") from error
    return mapped(batch, lambda leaf: leaf.float() if leaf.dtype == torch.float64 else leaf)


def mapped(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A batch with its tensors changed, in dictionaries, lists and tuples; anything else stays as it is."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, Mapping):
        return {name: mapped(value, change) for name, value in batch.items()}
    if isinstance(batch, tuple | list):
        values = [mapped(value, change) for value in batch]
        return type(batch)(*values) if hasattr(batch, "_fields") else tuple(values)
    return batch


def moved(batch: Batch, device: torch.device) -> Batch:
    """A batch on a device."""
    return mapped(batch, lambda leaf: leaf.to(device, non_blocking=True))


def leaves_of(value: Any) -> Iterator[Any]:
    """The leaves of an example or a batch, in order; dictionaries in the order of their keys."""
    if isinstance(value, Mapping):
        for name in sorted(value, key=str):
            yield from leaves_of(value[name])
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from leaves_of(inner)
    else:
        yield value


def is_finite(leaf: Any) -> bool:
    """Whether numbers are finite; True for anything that is not a number."""
    try:
        return bool(torch.as_tensor(leaf).isfinite().all())
    except (TypeError, ValueError, RuntimeError):
        return True


def content(example: Any) -> Iterator[bytes]:
    """The bytes that distinguish an example: those of tensors, arrays and images, and the text of anything else."""
    for leaf in leaves_of(example):
        if isinstance(leaf, Tensor):
            yield f"ndarray {str(leaf.dtype).removeprefix('torch.')} {tuple(leaf.shape)}".encode()
            yield bytes_of(leaf.cpu()).numpy().tobytes()
        else:
            yield f"{type(leaf).__name__} {getattr(leaf, 'dtype', '')} {getattr(leaf, 'shape', '')}".encode()
            yield leaf.tobytes() if hasattr(leaf, "tobytes") else repr(leaf).encode()


def size_of(example: Any) -> int:
    """The bytes of an example, as far as they matter."""
    return sum(len(part) for part in content(example))


def spread(count: int, most: int) -> list[int]:
    """At most this many numbers below `count`, evenly spread."""
    return [number * count // min(count, most) for number in range(min(count, most))]
