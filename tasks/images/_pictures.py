"""Splits of labelled images, wherever their pixels lie."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from benchmark import Batch, Graphless


class Pixels(Protocol):
    """Images that can be read by index."""

    @property
    def checksum(self) -> str:
        """Checksum of the images."""

    @property
    def count(self) -> int:
        """The number of images."""

    def read(self, index: Tensor) -> Tensor:
        """Return the images at `index` (int64 [b], on the CPU) as uint8 [b, 3, size, size]."""

    def to(self, device: torch.device) -> Pixels:
        """Return the same images, stored on `device` if they fit."""


@dataclass(frozen=True)
class Chosen:
    """Some of other images: those at `index`, int64 [n], on the CPU."""

    pixels: Pixels
    index: Tensor

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.pixels.checksum.encode() + self.index.numpy().tobytes()).hexdigest()

    @property
    def count(self) -> int:
        return len(self.index)

    def read(self, index: Tensor) -> Tensor:
        return self.pixels.read(self.index[index])

    def to(self, device: torch.device) -> Chosen:
        return replace(self, pixels=self.pixels.to(device))


@dataclass(frozen=True)
class Pictures(Graphless):
    """A split of labelled images.

    Args:
        labels: int64 [n], on the CPU.
        transform: maps uint8 [b, 3, size, size] to the input of the loss.
    """

    pixels: Pixels
    labels: Tensor
    transform: Callable[[Tensor], Tensor]
    device: torch.device

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, index: Tensor) -> Batch:
        return self.transform(self.pixels.read(index).to(self.device)), self.labels[index].to(self.device)

    def to(self, device: torch.device) -> Pictures:
        return replace(self, pixels=self.pixels.to(device), device=device)

    def relabelled(self, draw: torch.Generator) -> Pictures:
        return replace(self, labels=self.labels[torch.randperm(len(self), generator=draw)])

    def check(self) -> None:
        """Raise ValueError if there is not one label for each image."""
        if self.pixels.count != len(self.labels):
            raise ValueError(f"{self.pixels.count:,} images, {len(self.labels):,} labels")

    def select(self, index: Tensor) -> Pictures:
        """Return the images at `index`, read as before."""
        return replace(self, pixels=Chosen(self.pixels, index), labels=self.labels[index])

    @property
    def classes(self) -> Tensor | None:
        return self.labels

    @property
    def digest(self) -> str:
        """SHA-256 of labels and decoded images; for streamed images, of their files' names and lengths instead."""
        return hashlib.sha256(self.pixels.checksum.encode() + self.labels.numpy().tobytes()).hexdigest()
