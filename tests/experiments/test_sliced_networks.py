"""A layer that is held by random filters: sliced it computes what it does with zeros, and every block its channel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchmark.experiments import _sliced_networks as networks
from torch import Tensor, nn

from tests.support.stands import Stand, convolutional, examples


def held(channels: int, n: int) -> tuple[nn.Sequential, nn.Sequential, np.ndarray, np.ndarray]:
    """A network, the same with random layers in front, the filters that are chosen, and the kernels that they make."""
    model = convolutional(channels)
    first, second = networks.drawn(np.random.default_rng(0), networks.first_of(model), n)
    subset = networks.chosen(first, second, model[0].weight.detach().double().numpy())
    return (
        model,
        networks.widened(model, first, second, -1.0),
        subset,
        np.einsum("oifhw,if->oihw", second, first * subset),
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_filters_in_two_layers_are_a_convolution(channels: int) -> None:
    """With its bias, and its border of zeros, in the inputs that they were trained for."""
    model, wide, subset, kernels = held(channels, 40)
    inputs, old = examples(channels, 4, 4).inputs.double(), model[0]
    with torch.no_grad():
        shifted = torch.nn.functional.pad(inputs + 1, (1, 1, 1, 1), value=1.0)
        bias = old.bias.double() - old.weight.double().sum(dim=(1, 2, 3))
        wanted = torch.nn.functional.conv2d(shifted, torch.from_numpy(kernels), bias)
        found = networks.with_zeros(wide, subset).double()[:5](inputs)
        assert torch.allclose(found, wanted, atol=1e-5)


def test_kernels_that_are_held_exactly_change_nothing() -> None:
    model = convolutional(1)
    first, second = np.ones((1, 1)), model[0].weight.detach().double().numpy()[:, :, None]
    inputs = examples(1, 4, 4).inputs
    with torch.no_grad():
        assert torch.allclose(networks.widened(model, first, second, -1.0)(inputs), model(inputs), atol=1e-5)


def test_what_is_cut_computes_what_is_masked() -> None:
    model = convolutional(1)
    told = networks.sliced(np.random.default_rng(0), network=Stand(model, examples(1, 4, 4)), n=32)  # type: ignore[arg-type]
    assert told["difference"] < 1e-5
    assert 0 < told["kept"] <= told["usable"] < 32
    rest = sum(p.numel() for p in model[1:].parameters())
    assert told["parameters, masked"] == 32 + 32 * 18 + 2 + rest
    assert told["parameters, sliced"] == told["kept"] * (1 + 18) + 2 + rest
    assert min(told[f"ms, {name}"] for name in networks.NAMES) > 0


def test_a_block_sees_no_other_channel() -> None:
    _, wide, _, _ = held(3, 5)
    inputs = examples(3, 4, 4, count=2).inputs.requires_grad_()
    blocks: Tensor = wide[:3](inputs)
    for channel in range(3):
        [gradient] = torch.autograd.grad(blocks[:, 5 * channel : 5 * (channel + 1)].sum(), inputs, retain_graph=True)
        assert (gradient.abs().sum(dim=(0, 2, 3)) > 0).tolist() == [other == channel for other in range(3)]


def test_more_filters_hold_a_kernel_better() -> None:
    def error(n: int) -> float:
        model, _, _, kernels = held(1, n)
        return float(np.abs(kernels - model[0].weight.detach().double().numpy()).max())

    assert error(800) < error(100) < error(10)


@pytest.mark.parametrize(
    "model",
    [nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Conv2d(1, 1, 3, stride=2)), nn.Conv2d(1, 1, 3), nn.Sequential()],
)
def test_other_layers_are_refused(model: nn.Module) -> None:
    with pytest.raises(ValueError, match="only a plain convolution"):
        networks.first_of(model)
