"""Data sets that are two tensors in memory, inputs and targets, and the validation split that is carved from them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from benchmark.data.splits import Graphless


def as_numbers(inputs: Tensor) -> Tensor:
    """Floating-point numbers and bytes (of pixels) as float32, and all others as they are: token ids stay integers."""
    return inputs.float() if inputs.is_floating_point() or inputs.dtype == torch.uint8 else inputs


@dataclass(frozen=True)
class TensorData(Graphless):
    """Examples as two tensors in memory.

    Args:
        inputs: [n, ...], as they are stored (uint8 pixels, for example).
        targets: [n] or [n, ...]; classes if they are integers [n].
        transform: a function from a batch of stored inputs to the input of the model; by default `as_numbers`.

    Raises:
        TypeError: inputs or targets are not tensors.
        ValueError: the numbers of inputs and targets differ.
    """

    inputs: Tensor
    targets: Tensor
    transform: Callable[[Tensor], Tensor] = as_numbers

    def __post_init__(self) -> None:
        for name, value in (("inputs", self.inputs), ("targets", self.targets)):
            if not isinstance(value, Tensor):
                raise TypeError(f"{name} must be a torch tensor, got {type(value).__name__}; try torch.as_tensor")
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"{len(self.inputs):,} inputs, but {len(self.targets):,} targets")

    def check(self) -> None:
        """Raise ValueError if an input is NaN or infinite."""
        check_finite("inputs", self.inputs)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def index_device(self) -> torch.device:
        """The device of the examples. An index on the same device need not be copied in every step."""
        return self.targets.device

    @property
    def replayable(self) -> bool:
        """Whether a recorded step may read its batch itself (`benchmark.data.splits.Data`)."""
        return True

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        index = index.to(self.index_device)
        return self.transform(self.inputs.index_select(0, index)), self.targets.index_select(0, index)

    def select(self, index: Tensor) -> TensorData:
        """Copies of the examples at `index`, int64, so that splits share no memory."""
        index = index.to(self.index_device)
        return replace(self, inputs=self.inputs.index_select(0, index), targets=self.targets.index_select(0, index))

    def to(self, device: torch.device) -> Self:
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device))

    def relabelled(self, draw: torch.Generator) -> Self:
        order = torch.randperm(len(self), generator=draw).to(self.targets.device)
        return replace(self, targets=self.targets[order])

    @property
    def classes(self) -> Tensor | None:
        single = self.targets.dim() == 1 and not self.targets.is_floating_point()
        return self.targets.cpu() if single else None

    @property
    def digest(self) -> str:
        sha = hashlib.sha256()
        for tensor in (self.inputs, self.targets):
            sha.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            sha.update(bytes_of(tensor.cpu()).numpy().data)
        return sha.hexdigest()


def bytes_of(tensor: Tensor) -> Tensor:
    """The bytes of a tensor of any type, uint8 [n]; not copied if the tensor is contiguous."""
    return tensor.detach().contiguous().view(-1).view(torch.uint8)


def check_finite(what: str, values: Tensor) -> None:
    """Raise ValueError if a row of `values`, [n, ...], has NaN or infinite numbers; it says how many."""
    if not (values.is_floating_point() or values.is_complex()) or bool(values.isfinite().all()):
        return
    bad = int((~values.isfinite()).reshape(len(values), -1).any(dim=1).sum())
    raise ValueError(f"{bad:,} of {len(values):,} {what} have NaN or infinite numbers")


def carve(data: TensorData, size: int, seed: int = 0) -> tuple[TensorData, TensorData]:
    """Split data into train and validation: `size` examples, the same for all runs, become validation.

    Args:
        seed: the seed of the random choice; it is not the seed of a run.
    """
    train, validation = carved(len(data), size, seed)
    return data.select(train), data.select(validation)


def carved(count: int, size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The sorted indices that `carve` puts into train and validation, int64 [count - size] and [size]."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[size:].sort().values, order[:size].sort().values
