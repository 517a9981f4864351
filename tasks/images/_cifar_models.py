"""Residual and plain networks of the pruning literature for images of 32 by 32 pixels.

Convolutions and linear layers are initialised from a Kaiming normal by fan-in, and biases by torch's default, as in
OpenLTH. Numbers of weights in docstrings count prunable ones (convolutions and linear layers) for 10 classes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._models import glorot, scaled

Scale = Literal["uniform", "one"]
"""Initial scale of batch norm: drawn uniformly from [0, 1], as in OpenLTH, or 1."""


class Basic(nn.Module):
    """Two 3x3 convolutions with a shortcut: a 1x1 convolution with batch norm if the shape changes (option B)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, images: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(images)))))
        return F.relu(inner + self.shortcut(images))


class Bottleneck(nn.Module):
    """A 1x1, a 3x3 (strided) and a 1x1 convolution, the first two a quarter as wide, with the shortcut of `Basic`."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        inner = max(1, outputs // 4)
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, images: Tensor) -> Tensor:
        inner = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(images))))))
        return F.relu(self.bn3(self.conv3(inner)) + self.shortcut(images))


class PreActivated(nn.Module):
    """Like `Basic`, with batch norm and ReLU before each convolution (Zagoruyko & Komodakis, 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        active = F.relu(self.bn1(images))
        inner: Tensor = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return inner + (images if self.shortcut is None else self.shortcut(active))


def resnet(depth: int, classes: int, scale: Scale, *, stem: int = 16, width: float = 1.0) -> nn.Module:
    """ResNet-20, -32, -56, -110 of He et al. (2016) with 1x1 shortcuts, as in OpenLTH: 270,896 weights for 20.

    Args:
        stem: channels before the first block; 16 in the paper.
    """
    widths = (stem, stem, 2 * stem, 4 * stem)
    return _started(_staged(_stem, Basic, widths, [(depth - 2) // 6] * 3, classes, width), scale)


def resnet18(classes: int, scale: Scale, *, widen: int = 1, width: float = 1.0) -> nn.Module:
    """ImageNet's ResNet-18 with a 3x3 stem and no pooling before the first block: 11,164,352 weights.

    Args:
        widen: factor of the channels of all blocks; the stem keeps its 64.
    """
    widths = (64, *(widen * channels for channels in (64, 128, 256, 512)))
    return _started(_staged(_stem, Basic, widths, [2] * 4, classes, width), scale)


def resnet50(classes: int, scale: Scale, *, width: float = 1.0) -> nn.Module:
    """ImageNet's ResNet-50 with the stem of `resnet18`, as in GraNet: 23,467,712 weights."""
    return _started(_staged(_stem, Bottleneck, (64, 256, 512, 1024, 2048), [3, 4, 6, 3], classes, width), scale)


def wide_resnet(depth: int, widen: int, classes: int, scale: Scale, *, width: float = 1.0) -> nn.Module:
    """WRN-depth-widen (Zagoruyko & Komodakis, 2016): pre-activated, without dropout; 1,076,912 weights for 22-2."""
    widths = (16, 16 * widen, 32 * widen, 64 * widen)
    network = _staged(_first, PreActivated, widths, [(depth - 4) // 6] * 3, classes, width, _active)
    return _started(network, scale)


VGG = {
    11: (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512),
    16: (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512),
    19: (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512),
}
"""Widths of the convolutions; 0 is a 2x2 max pooling."""


def vgg(depth: int, classes: int, scale: Scale, *, width: float = 1.0) -> nn.Module:
    """VGG with batch norm and one linear layer, as in OpenLTH: 9,222,848 weights for 11, 14,715,584 for 16."""
    layers: list[nn.Module] = []
    inputs = 3
    for channels in VGG[depth]:
        if channels:
            outputs = scaled(channels, width)
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        else:
            layers.append(nn.MaxPool2d(2))
    return _started(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes)), scale)


def conv(depth: int, classes: int, *, width: float = 1.0) -> nn.Module:
    """Conv-2, -4, -6 of Frankle & Carbin (2019), Gaussian Glorot: 4,300,992, 2,425,024 and 2,261,184 weights."""
    widths = [scaled(channels, width) for channels in (64, 128, 256)[: depth // 2]]
    units = scaled(256, width)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((3, *widths)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    flat = widths[-1] * (32 >> len(widths)) ** 2
    layers += [nn.Flatten(), nn.Linear(flat, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU()]
    return glorot(nn.Sequential(*layers, nn.Linear(units, classes)))


Named = list[tuple[str, nn.Module]]


def _first(channels: int) -> Named:
    return [("conv", nn.Conv2d(3, channels, 3, padding=1, bias=False))]


def _stem(channels: int) -> Named:
    return [*_first(channels), *_active(channels)]


def _active(channels: int) -> Named:
    return [("bn", nn.BatchNorm2d(channels)), ("relu", nn.ReLU())]


def _staged(
    stem: Callable[[int], Named],
    block: Callable[[int, int, int], nn.Module],
    full: Sequence[int],
    blocks: Sequence[int],
    classes: int,
    width: float,
    tail: Callable[[int], Named] = lambda channels: [],
) -> nn.Sequential:
    """Build a network of stages, a global average pooling and a classifier.

    Every stage but the first halves the resolution.

    Args:
        stem: builds the first layers, from their number of channels.
        block: builds a block, from its input channels, output channels and stride.
        full: channels of the stem and of every stage, at width 1.
        blocks: number of blocks in every stage.
        tail: builds layers after the last stage, from its number of channels.
    """
    widths = [scaled(channels, width) for channels in full]
    begin = stem(widths[0])
    stages = [
        nn.Sequential(
            *(
                block(inputs if number == 0 else outputs, outputs, 2 if number == 0 and stage > 0 else 1)
                for number in range(blocks[stage])
            )
        )
        for stage, (inputs, outputs) in enumerate(pairwise(widths))
    ]
    named = [(f"stage{number}", stage) for number, stage in enumerate(stages, start=1)]
    end = [("pool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("fc", nn.Linear(widths[-1], classes))]
    return nn.Sequential(OrderedDict([*begin, *named, *tail(widths[-1]), *end]))


def _started(model: nn.Module, scale: Scale) -> nn.Module:
    """Initialise a network as described at the top of this file."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d) and scale == "uniform":
            with torch.no_grad():
                module.weight.uniform_()
    return model
