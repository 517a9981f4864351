"""Splits of labelled images, wherever their pixels lie."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from benchmark import Batch, Graphless

from ._reading_ahead import ReadAhead


class Pixels(Protocol):
    """Images that can be read by index."""

    @property
    def checksum(self) -> str:
        """Checksum of the images."""

    @property
    def count(self) -> int:
        """The number of images."""

    @property
    def device(self) -> torch.device:
        """Where they are read by an index that lies there, too."""

    def read(self, index: Tensor) -> Tensor:
        """Return the images at `index` (int64 [b], on `device`) as uint8 [b, 3, size, size]."""

    def to(self, device: torch.device) -> Pixels:
        """Return the same images, stored on `device` if they fit."""


@dataclass(frozen=True)
class Chosen:
    """Some of other images: those at `index`, int64 [n], on their device."""

    pixels: Pixels
    index: Tensor

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.pixels.checksum.encode() + self.index.cpu().numpy().tobytes()).hexdigest()

    @property
    def count(self) -> int:
        return len(self.index)

    @property
    def device(self) -> torch.device:
        return self.pixels.device

    def read(self, index: Tensor) -> Tensor:
        return self.pixels.read(self.index[index])

    def to(self, device: torch.device) -> Chosen:
        pixels = self.pixels.to(device)
        return replace(self, pixels=pixels, index=self.index.to(pixels.device))


@dataclass(frozen=True)
class Pictures(Graphless):
    """A split of labelled images.

    Args:
        labels: int64 [n], on the device of the pixels.
        transform: maps uint8 [b, 3, size, size] to the input of the loss.
        device: where batches are wanted.
    """

    pixels: Pixels
    labels: Tensor
    transform: Callable[[Tensor], Tensor]
    device: torch.device

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def index_device(self) -> torch.device:
        """Where the pixels and labels lie, which is not `device` if they do not fit there."""
        return self.pixels.device

    @property
    def travels(self) -> bool:
        """Whether every batch comes to a GPU from a file or from memory."""
        return self.device.type != self.index_device.type

    def ahead(self, index: Tensor) -> None:
        """Begin to read the batch at `index`, if it has a way to come; the next one is expected to be that."""
        if self.travels:
            self._reader.begin(index)

    def batch(self, index: Tensor) -> Batch:
        images, labels = self._reader.take(index.to(self.index_device))
        images, labels = (value.to(self.device, non_blocking=True) for value in (images, labels))
        return self.transform(images), labels

    @cached_property
    def _reader(self) -> ReadAhead:
        return ReadAhead(lambda index: (self.pixels.read(index), self.labels[index]))

    def to(self, device: torch.device) -> Pictures:
        pixels = self.pixels.to(device)
        return replace(self, pixels=pixels, labels=self.labels.to(pixels.device), device=device)

    def relabelled(self, draw: torch.Generator) -> Pictures:
        order = torch.randperm(len(self), generator=draw).to(self.index_device)
        return replace(self, labels=self.labels[order])

    def check(self) -> None:
        """Raise ValueError if there is not one label for each image."""
        if self.pixels.count != len(self.labels):
            raise ValueError(f"{self.pixels.count:,} images, {len(self.labels):,} labels")

    def select(self, index: Tensor) -> Pictures:
        """Return the images at `index`, read as before."""
        index = index.to(self.index_device)
        return replace(self, pixels=Chosen(self.pixels, index), labels=self.labels[index])

    @property
    def classes(self) -> Tensor | None:
        return self.labels.cpu()

    @property
    def digest(self) -> str:
        """SHA-256 of labels and decoded images; for streamed images, of their files' names and lengths instead."""
        return hashlib.sha256(self.pixels.checksum.encode() + self.labels.cpu().numpy().tobytes()).hexdigest()
