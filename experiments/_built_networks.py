"""Untrained networks: every weight of a trained one is replaced by the sum of a subset of random products.

A weight w of an input x >= 0 is replaced by random units, each connected to x alone: sum_i v_i relu(u_i x) is
(sum_i u_i v_i) x over those with u_i > 0. Exactly k of these products are chosen, such that their sum is nearest to w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._subset_sums import Array, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchmark import Trained

VERSION = 1


@dataclass(frozen=True)
class Layer:
    """A layer with nonnegative inputs: weights, float64 [outputs, inputs], and a bias, [outputs]."""

    weight: Array
    bias: Array

    @property
    def whole(self) -> Array:
        """The weights, with the bias as the weight of one more input, which is always 1: [outputs, inputs + 1]."""
        return np.column_stack([self.weight, self.bias])


@dataclass(frozen=True)
class Pair:
    """Two random layers in place of one.

    Args:
        first: weight u of every unit, [inputs + 1, units]; each unit has one input, the last of which is always 1.
        second: weights v, [outputs, inputs + 1, units].
        kept: which of these are chosen, of the same shape.
    """

    first: Array
    second: Array
    kept: Array

    @property
    def usable(self) -> Array:
        """The number of units of every input that pass on more than zeros, [inputs + 1]."""
        usable: Array = (self.first > 0).sum(axis=1)
        return usable

    @property
    def sums(self) -> Array:
        """The weights that they amount to, [outputs, inputs + 1]."""
        sums: Array = np.einsum("ju,oju->oj", np.maximum(self.first, 0), self.second * self.kept)
        return sums


def built(rng: np.random.Generator, *, network: Trained, n: int, share: float) -> dict[str, float]:
    """How far a network of random weights is from a trained one, on the images that this was tested on.

    Args:
        network: multilayer perceptron; its first layer reads images that are shifted so that nothing is negative.
        n: half of the random units of every input; about this many are usable, because their weight is positive.
        share: k as a share of the usable ones.
    """
    import torch

    data = network.test()
    images, labels = data.batch(torch.arange(len(data)))
    inputs, least = images.flatten(1).double(), float(images.min())
    layers = layers_of(network.model(), least)
    pairs = [pair(rng, layer, 2 * n, share) for layer in layers]
    with torch.no_grad():
        wanted, found = network.model().double()(images.double()), materialised(pairs)(inputs - least)
    errors = [np.abs(two.sums - one.whole).ravel() for one, two in zip(layers, pairs, strict=True)]
    return {
        **distances(wanted, found, labels),
        "weight error, median": float(np.median(np.concatenate(errors))),
        "weight error, largest": float(np.concatenate(errors).max()),
        "usable": float(np.concatenate([two.usable for two in pairs]).mean()),
        **densities(pairs),
    }


def layers_of(model: nn.Module, least: float) -> list[Layer]:
    """The layers of a multilayer perceptron whose inputs are x - least in place of x.

    Raises:
        ValueError: the network does not consist of linear layers with ReLU between them.
    """
    from torch import nn

    kinds = [type(module) for module in model.children() if not isinstance(module, nn.Flatten)]
    if not isinstance(model, nn.Sequential) or kinds != [nn.Linear, *[nn.ReLU, nn.Linear] * (len(kinds) // 2)]:
        raise ValueError(f"only linear layers with ReLU between them can be built, not {type(model).__name__}")
    linear = [module for module in model.children() if isinstance(module, nn.Linear)]
    layers = [Layer(_array(one.weight), _array(one.bias)) for one in linear]
    first = layers[0]
    return [Layer(first.weight, first.bias + least * first.weight.sum(axis=1)), *layers[1:]]


def pair(rng: np.random.Generator, layer: Layer, units: int, share: float) -> Pair:
    """Draw two layers, and choose from each input's usable products v u the k = round(share n) that make its weight."""
    weights = layer.whole
    first = rng.standard_normal((weights.shape[1], units))
    second = rng.standard_normal((*weights.shape, units))
    kept = np.zeros(second.shape, dtype=bool)
    for at, usable in enumerate(first > 0):
        for output in range(len(weights)) if usable.any() else ():
            products = first[at, usable] * second[output, at, usable]
            kept[output, at, usable] = nearest(products, size(len(products), share), weights[output, at]).subset
    return Pair(first, second, kept)


def size(n: int, share: float) -> int:
    """The number of elements of a subset."""
    return max(1, round(share * n))


def materialised(pairs: Sequence[Pair]) -> nn.Sequential:
    """The network with twice as many layers, and zeros where nothing was chosen: linear layers with ReLU in between."""
    from torch import nn

    modules: list[nn.Module] = []
    for one in pairs:
        modules += [*_linear(one), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def _linear(one: Pair) -> list[nn.Module]:
    import torch
    from torch import nn

    inputs, units = len(one.first) - 1, one.first.shape[1]
    wide, narrow = nn.Linear(inputs, one.first.size).double(), nn.Linear(one.first.size, len(one.second)).double()
    blocks = np.zeros((inputs, units, inputs))
    blocks[np.arange(inputs), :, np.arange(inputs)] = one.first[:-1]
    with torch.no_grad():
        for value in (*wide.parameters(), narrow.bias):
            value.zero_()
        wide.weight[: inputs * units] = torch.from_numpy(blocks.reshape(inputs * units, inputs))
        wide.bias[inputs * units :] = torch.from_numpy(one.first[-1])
        narrow.weight.copy_(torch.from_numpy((one.second * one.kept).reshape(len(one.second), -1)))
    return [wide, nn.ReLU(), narrow]


def distances(wanted: Tensor, found: Tensor, labels: Tensor) -> dict[str, float]:
    """How far two networks' outputs, [n, classes], are from each other, and how often they are right."""
    away, right, chosen = (wanted - found).abs(), wanted.argmax(1), found.argmax(1)
    return {
        "accuracy": float((chosen == labels).double().mean()),
        "target": float((right == labels).double().mean()),
        "agreement": float((chosen == right).double().mean()),
        "output error, median": float(away.median()),
        "output error, largest": float(away.max()),
    }


def densities(pairs: Sequence[Pair]) -> dict[str, float]:
    """The share of weights that are kept: of the chosen layers individually, and of all layers together."""
    kept = [int(one.kept.sum()) for one in pairs]
    chosen = {
        f"density of layer {2 * i}": k / one.kept.size for i, (k, one) in enumerate(zip(kept, pairs, strict=True), 1)
    }
    wired = sum(one.first.size for one in pairs)
    dense = sum(one.kept.size + one.first.size * one.first.shape[0] for one in pairs)
    return chosen | {
        "density": sum(kept) / sum(one.kept.size for one in pairs),
        "density of all": (sum(kept) + wired) / dense,
    }


def _array(values: Tensor) -> Array:
    array: Array = values.detach().double().numpy()
    return array
