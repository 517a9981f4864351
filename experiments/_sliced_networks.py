"""A trained network whose first convolution is represented by two random layers, and cut down to the filters in use.

A convolution is replaced by n random filters of size 1 x 1 for every input channel, each of which reads that channel
alone, ReLU, and random filters of the convolution's own size. For inputs x >= 0, and v_i > 0, filter i adds
v_i u_i * x; so filters are chosen whose kernels v_i u_i sum to the trained one, and all others can be removed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark import Masks, cut

from ._kernel_sums import descended
from ._subset_sums import Array

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchmark import Trained

VERSION = 2

NAMES = ("trained", "masked", "sliced")
"""The trained network; with random layers and zeros for what is not chosen; and with that cut away."""

BATCH = 16
REPEATS = {"trained": 200, "masked": 20, "sliced": 200}
"""Images at a time, and how often a forward pass is repeated, when its time is measured."""


def sliced(rng: np.random.Generator, *, network: Trained, n: int) -> dict[str, float]:
    """How well n random filters for every input channel represent the first layer of a trained network.

    The random layers are initialised as layers of their shape usually are (He et al., 2015). The bias, and all other
    layers, stay as trained. Milliseconds are those of this machine; see `times`.
    """
    import torch

    data, model = network.test(), network.model()
    images, labels = data.batch(torch.arange(len(data)))
    least = float(images.min())
    convolution = first_of(model)
    first, second = drawn(rng, convolution, n)
    kernels = convolution.weight.detach().double().numpy()
    subset = chosen(first, second, kernels)
    wide = widened(model, first, second, least)
    masked = with_zeros(wide, subset)
    small = cut(masked, network.task, (images[:2], labels[:2]), masks(wide, subset))
    with torch.no_grad():
        wanted, found, zeroed = model(images), small(images), masked(images)
    held = np.einsum("oifhw,if->oihw", second, first * subset)
    return {
        "accuracy": accuracy(found, labels),
        "target": accuracy(wanted, labels),
        "error": float(np.abs(held - kernels).max() / np.abs(kernels).max()),
        "kept": int(subset.sum()),
        "usable": int((first > 0).sum()),
        "difference": float((found - zeroed).abs().max() / zeroed.abs().max()),
        **{f"parameters, {name}": count for name, count in counts(model, masked, small).items()},
        **{f"ms, {name}": value for name, value in times([model, masked, small], images[:BATCH]).items()},
    }


def first_of(model: nn.Module) -> nn.Conv2d:
    """The first layer of a network, a plain convolution. Raises ValueError if it is anything else."""
    from torch import nn

    first = next(iter(model.children()), None)
    if not isinstance(model, nn.Sequential) or not isinstance(first, nn.Conv2d) or not _plain(first):
        raise ValueError("only a plain convolution can be replaced that is the first of a sequence of layers")
    return first


def _plain(layer: nn.Conv2d) -> bool:
    kind = (layer.stride, layer.dilation, layer.groups, layer.padding_mode)
    return kind == ((1, 1), (1, 1), 1, "zeros") and not isinstance(layer.padding, str)


def drawn(rng: np.random.Generator, convolution: nn.Conv2d, n: int) -> tuple[Array, Array]:
    """The weights of two random layers: v [inputs, n], and u [outputs, inputs, n, height, width]."""
    outputs, inputs, *shape = convolution.weight.shape
    first = rng.standard_normal((inputs, n)) * 2**0.5
    return first, rng.standard_normal((outputs, inputs, n, *shape)) * (2 / (inputs * n * np.prod(shape))) ** 0.5


def chosen(first: Array, second: Array, kernels: Array) -> Array:
    """Which filters stay, bool [inputs, n]: chosen for each input channel separately, from those with v > 0."""
    subset = np.zeros(first.shape, dtype=bool)
    for channel, weights in enumerate(first):
        usable = weights > 0
        vectors = weights[:, None] * np.moveaxis(second[:, channel], 1, 0).reshape(len(weights), -1)
        subset[channel, usable] = descended(vectors[usable], kernels[:, channel].ravel())
    return subset


def widened(model: nn.Module, first: Array, second: Array, least: float) -> nn.Sequential:
    """The network with two random layers in place of its first.

    Inputs are shifted so that the least is 0, at the borders, too; the bias compensates for this.
    """
    import torch
    from torch import nn

    inputs, n = first.shape
    old, rest = first_of(model), list(deepcopy(model).children())[1:]
    wide = nn.Conv2d(inputs, inputs * n, 1, bias=False)
    narrow = nn.Conv2d(inputs * n, old.out_channels, (second.shape[3], second.shape[4]))
    blocks = np.zeros((inputs, n, inputs))
    blocks[np.arange(inputs), :, np.arange(inputs)] = first
    with torch.no_grad():
        wide.weight.copy_(torch.from_numpy(blocks.reshape(inputs * n, inputs, 1, 1)))
        narrow.weight.copy_(torch.from_numpy(second.reshape(narrow.weight.shape)))
        narrow.bias = nn.Parameter((0 if old.bias is None else old.bias) + least * old.weight.sum(dim=(1, 2, 3)))
    height, width = (int(side) for side in old.padding)
    border = nn.ConstantPad2d((width, width, height, height), -least)
    return nn.Sequential(_shift(-least), border, wide, nn.ReLU(), narrow, *rest).eval()


def _shift(by: float) -> nn.Module:
    from torch import nn

    class Shift(nn.Module):
        """Adds a number."""

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs + by

    return Shift()


def masks(wide: nn.Sequential, subset: Array) -> Masks:
    """The masks of all layers; 1 x 1 filters keep only the chosen ones, at the channel that they read."""
    import torch

    kept = {f"{name}.weight": torch.ones_like(layer.weight, dtype=torch.bool) for name, layer in _layers(wide)}
    name, layer = _layers(wide)[0]
    kept[f"{name}.weight"] = torch.from_numpy(subset.reshape(-1, 1, 1, 1)) & (layer.weight != 0)
    return Masks(kept)


def with_zeros(wide: nn.Sequential, subset: Array) -> nn.Sequential:
    """The same network with zeros in place of the filters that are not chosen."""
    import torch

    zeroed, kept = deepcopy(wide), masks(wide, subset)
    with torch.no_grad():
        for name, layer in _layers(zeroed):
            layer.weight.mul_(kept[f"{name}.weight"])
    return zeroed


def _layers(model: nn.Module) -> list[tuple[str, Any]]:
    from torch import nn

    return [(name, one) for name, one in model.named_modules() if isinstance(one, nn.Conv2d | nn.Linear)]


def accuracy(outputs: Tensor, labels: Tensor) -> float:
    """The share of outputs, [n, classes], that are right."""
    return float((outputs.argmax(1) == labels).double().mean())


def counts(*models: nn.Module) -> dict[str, int]:
    """The parameters of the trained network, of the one with zeros, and of the one that is cut."""
    return {name: sum(p.numel() for p in one.parameters()) for name, one in zip(NAMES, models, strict=True)}


def times(models: Sequence[nn.Module], batch: Tensor) -> dict[str, float]:
    """Median milliseconds of this thread's computation in a forward pass of the same three networks.

    Time that the thread waits for a processor is not counted, so other programs on the machine matter as little as
    possible.
    """
    return {name: _time(one, batch, REPEATS[name]) for name, one in zip(NAMES, models, strict=True)}


def _time(model: nn.Module, batch: Tensor, repeats: int) -> float:
    import torch

    spent = []
    with torch.no_grad():
        for _ in range(repeats):
            begun = time.thread_time()
            model(batch)
            spent.append(1000 * (time.thread_time() - begun))
    return median(spent)
