"""Normalisation and augmentation of images: crops and flips as tensor operations on whole batches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from ._classification import Labelled

Channels = tuple[float, float, float]
"""A value each for red, green and blue, for pixels in [0, 1]."""

IMAGENET: tuple[Channels, Channels] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's training set, as in torchvision's reference scripts."""


@dataclass(frozen=True)
class Normalise:
    """Normalises uint8 images [b, 3, h, w] to floats, by channel: (pixel / 255 - mean) / deviation."""

    mean: Channels
    deviation: Channels

    def __call__(self, pixels: Tensor) -> Tensor:
        mean, deviation = (per_channel(values, pixels.device, 255) for values in (self.mean, self.deviation))
        return pixels.float().sub_(mean).div_(deviation)

    @property
    def black(self) -> Channels:
        """The normalised value of a black pixel."""
        red, green, blue = (-mean / deviation for mean, deviation in zip(self.mean, self.deviation, strict=True))
        return red, green, blue


@cache
def per_channel(values: Channels, device: torch.device, scale: float = 1) -> Tensor:
    """Return the values times `scale` as [3, 1, 1]. Cached, because copying to a GPU in every step would stall it."""
    return torch.tensor([value * scale for value in values], device=device).view(3, 1, 1)


@dataclass(frozen=True)
class ShiftAndFlip:
    """Pads every image, crops it back to its size at a random position, and mirrors it with probability 1/2.

    Args:
        padding: pixels of padding on each side, and largest shift of a crop.
        fill: value to pad normalised images with. `Normalise.black` amounts to zero padding of the pixels, as in
            torchvision's RandomCrop; None reflects the image at its edges.
    """

    padding: int
    fill: Channels | None

    def __call__(self, batch: Labelled, draw: torch.Generator) -> Labelled:
        images, labels = batch
        count, _, height, width = images.shape
        moves = torch.randint(0, 2 * self.padding + 1, (2, count, 1), generator=draw)
        flips = torch.rand(1, count, 1, generator=draw) < 0.5
        # Copy three numbers per image to the device, without blocking, and compute the rest there.
        tops, lefts, flip = torch.cat([moves, flips.long()]).to(images.device, non_blocking=True)
        down, across = (torch.arange(edge, device=images.device) for edge in (height, width))
        rows, columns = tops + down, lefts + torch.where(flip.bool(), width - 1 - across, across)
        places = (rows.unsqueeze(2) * (width + 2 * self.padding) + columns.unsqueeze(1)).view(count, 1, -1)
        crops = self._padded(images).flatten(2).gather(2, places.expand(-1, images.shape[1], -1))
        return crops.view_as(images), labels

    def _padded(self, images: Tensor) -> Tensor:
        if self.fill is None:
            return F.pad(images, (self.padding,) * 4, mode="reflect")
        count, channels, height, width = images.shape
        edge = slice(self.padding, -self.padding or None)
        sides = (count, channels, height + 2 * self.padding, width + 2 * self.padding)
        padded = per_channel(self.fill, images.device).expand(sides).clone()
        padded[:, :, edge, edge] = images
        return padded


@dataclass(frozen=True)
class ResizedCrop:
    """Crops a random rectangle of every image, resizes it, and mirrors it with probability 1/2.

    Rectangles are drawn and resized as by torchvision's RandomResizedCrop with default settings: bilinear and
    antialiased. Resizing is linear along each axis, so it is two products with a matrix of weights per image.

    Args:
        size: edge of the resulting square, in pixels.
        area: smallest share of the image that a crop covers; the largest is 1.
        shape: smallest and largest ratio of width to height.
    """

    size: int
    area: float
    shape: tuple[float, float]

    def __call__(self, batch: Labelled, draw: torch.Generator) -> Labelled:
        images, labels = batch
        rectangles = self.rectangles(len(images), images.shape[2], images.shape[3], draw)
        flips = torch.rand(len(images), generator=draw) < 0.5
        # Five numbers per image go to the device in one copy; the matrices of weights are computed there.
        drawn = torch.stack([*rectangles, flips.long()]).to(images.device, non_blocking=True)
        tops, heights, lefts, widths, flip = drawn
        rows = resizing(tops, heights, images.shape[2], self.size)
        columns = resizing(lefts, widths, images.shape[3], self.size)
        columns = torch.where(flip.bool().view(-1, 1, 1), columns.flip(1), columns)
        rows, columns = (weights.to(images.dtype).unsqueeze(1) for weights in (rows, columns))
        return rows @ images @ columns.transpose(2, 3), labels

    def rectangles(
        self, count: int, height: int, width: int, draw: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw top, height, left and width, int64 [count]: the first of ten draws that fits, or the whole image."""
        areas = height * width * torch.empty(count, 10).uniform_(self.area, 1, generator=draw)
        shapes = torch.empty(count, 10).uniform_(*(math.log(shape) for shape in self.shape), generator=draw).exp()
        widths, heights = ((areas * shapes).sqrt().round().long(), (areas / shapes).sqrt().round().long())
        fits = (widths <= width) & (heights <= height) & (widths > 0) & (heights > 0)
        first = fits.int().argmax(dim=1, keepdim=True)
        none = ~fits.any(dim=1)
        widths = widths.gather(1, first).squeeze(1).masked_fill(none, width)
        heights = heights.gather(1, first).squeeze(1).masked_fill(none, height)
        tops, lefts = (
            (torch.rand(count, generator=draw, dtype=torch.float64) * (whole - cut + 1)).long()
            for whole, cut in ((height, heights), (width, widths))
        )
        return tops, heights, lefts, widths


def resizing(starts: Tensor, lengths: Tensor, whole: int, size: int) -> Tensor:
    """Return weights [b, size, whole] to resize `lengths` pixels from `starts` to `size`, bilinear and antialiased."""
    scale = (lengths.double() / size).view(-1, 1, 1)
    outputs, inputs = (torch.arange(edge, device=starts.device) for edge in (size, whole))
    centres = (outputs.view(1, -1, 1) + 0.5) * scale
    places = inputs.view(1, 1, -1) - starts.view(-1, 1, 1)
    weights = (1 - (places + 0.5 - centres).abs() / scale.clamp(min=1)).clamp(min=0)
    weights = weights * ((places >= 0) & (places < lengths.view(-1, 1, 1)))
    return weights / weights.sum(dim=2, keepdim=True)


def middle(images: Tensor, size: int) -> Tensor:
    """Return the centre crop [b, c, size, size] of each image."""
    top, left = ((edge - size) // 2 for edge in images.shape[2:])
    return images[:, :, top : top + size, left : left + size]
