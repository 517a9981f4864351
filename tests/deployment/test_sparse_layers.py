"""Layers of compressed rows answer as the layers that they are made of."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmark.deployment.runtimes import size_of
from benchmark.deployment.sparse_layers import SparseConv2d, SparseLinear, compressed


def thinned(layer: nn.Linear | nn.Conv2d, density: float) -> nn.Linear | nn.Conv2d:
    with torch.no_grad():
        layer.weight *= torch.rand_like(layer.weight) < density
    return layer


def near(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape and torch.allclose(left, right, rtol=1e-4, atol=1e-5)


def test_a_linear_layer_by_hand() -> None:
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 3.0], [0.0, 0.0]]))
        layer.bias.copy_(torch.tensor([1.0, -1.0]))
    assert SparseLinear(layer)(torch.tensor([[5.0, 2.0]])).tolist() == [[7.0, -1.0]]


@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    before=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    density=st.floats(0, 1),
    bias=st.booleans(),
)
def test_linear_layers(sizes: tuple[int, int], before: list[int], density: float, bias: bool) -> None:
    layer = thinned(nn.Linear(*sizes, bias=bias), density)
    inputs = torch.randn(*before, sizes[0])
    assert near(SparseLinear(layer)(inputs), layer(inputs))  # type: ignore[arg-type]


@given(
    channels=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 1)),
    dilation=st.integers(1, 2),
    size=st.tuples(st.integers(5, 9), st.integers(5, 8)),
    density=st.floats(0, 1),
    bias=st.booleans(),
)
def test_convolutions(
    channels: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: int,
    size: tuple[int, int],
    density: float,
    bias: bool,
) -> None:
    layer = nn.Conv2d(*channels, kernel, stride, padding, dilation, bias=bias)
    inputs = torch.randn(2, channels[0], *size)
    assert near(SparseConv2d(thinned(layer, density))(inputs), layer(inputs))  # type: ignore[arg-type]


def test_layers_of_other_kinds_stay_as_they_are() -> None:
    grouped, named = nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(2, 2, 3, padding="same")
    network = nn.Sequential(grouped, named, nn.Conv2d(2, 2, 3, padding_mode="circular"), nn.Conv2d(2, 2, 3))
    kinds = [type(layer) for layer in compressed(network, ["0", "1", "2", "3"])]
    assert kinds == [nn.Conv2d, nn.Conv2d, nn.Conv2d, SparseConv2d]
    assert type(network[3]) is nn.Conv2d


@pytest.mark.parametrize(("kept", "size"), [(0, 4 * 3 + 4 * 2), (3, 8 * 3 + 4 * 3 + 4 * 2)])
def test_the_size_counts_values_and_indices(kept: int, size: int) -> None:
    """Two rows have three starts of four bytes and two biases; each weight has its value and its column."""
    layer = nn.Linear(5, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight.view(-1)[:kept] = 1.0
    assert size_of(compressed(nn.Sequential(layer), ["0"])) == size
    assert size_of(nn.Sequential(layer)) == 4 * 12
    assert size_of(b"12345") == 5
