"""Networks that are built of subset sums are what their sums say, with exactly as many weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchmark.experiments import _built_networks as networks
from torch import nn

from tests.support.stands import Stand, examples, perceptron


def pairs_of(units: int = 16, share: float = 0.25) -> tuple[list[networks.Layer], list[networks.Pair]]:
    rng, layers = np.random.default_rng(3), networks.layers_of(perceptron(), -1.0)
    return layers, [networks.pair(rng, layer, units, share) for layer in layers]


def test_layers_of_shifted_inputs_compute_the_same() -> None:
    model, inputs = perceptron().double(), examples(5).inputs.double()
    hidden, outputs = networks.layers_of(model, -1.0)
    x = (inputs + 1).numpy()
    found = np.maximum(x @ hidden.weight.T + hidden.bias, 0) @ outputs.weight.T + outputs.bias
    assert np.allclose(found, model(inputs).detach().numpy())


def test_the_network_computes_what_its_sums_do() -> None:
    _, pairs = pairs_of()
    inputs = examples(5).inputs.double() + 1
    x = inputs.numpy()
    for one in pairs:
        x = np.maximum(np.column_stack([x, np.ones(len(x))]) @ one.sums.T, 0) if one is not pairs[-1] else x
    last = np.column_stack([x, np.ones(len(x))]) @ pairs[-1].sums.T
    with torch.no_grad():
        assert np.allclose(networks.materialised(pairs)(inputs).numpy(), last)


def test_exactly_k_of_the_usable_weights_are_kept() -> None:
    _, pairs = pairs_of()
    for one in pairs:
        wanted = [networks.size(n, 0.25) if n else 0 for n in one.usable.tolist()]
        assert (one.kept.sum(axis=2) == np.array(wanted)).all()
        assert not (one.kept & (one.first <= 0)).any(), "a unit that passes on zeros is never chosen"


def test_more_units_come_nearer() -> None:
    def worst(units: int) -> float:
        return max(float(np.abs(two.sums - one.whole).max()) for one, two in zip(*pairs_of(units), strict=True))

    assert worst(32) < worst(16) < worst(6)
    assert worst(32) < 0.05


def test_what_is_materialised_has_the_densities_that_are_told() -> None:
    _, pairs = pairs_of()
    told, model = networks.densities(pairs), networks.materialised(pairs)
    linear = [module for module in model if isinstance(module, nn.Linear)]
    shares = [float((module.weight != 0).double().mean()) for module in linear]
    assert [told["density of layer 2"], told["density of layer 4"]] == pytest.approx(shares[1::2])
    assert shares[0] == pytest.approx(1 / 6), "a unit has one input, or reads the constant"
    every = sum(int((m.weight != 0).sum()) + int((m.bias != 0).sum()) for m in linear)
    assert told["density of all"] == pytest.approx(
        every / sum(one.kept.size + one.first.size * len(one.first) for one in pairs)
    )


def test_a_point_tells_how_far_it_is_from_its_target() -> None:
    told = networks.built(np.random.default_rng(0), network=Stand(perceptron(), examples(5)), n=18, share=0.25)  # type: ignore[arg-type]
    assert told["agreement"] == 1
    assert told["accuracy"] == told["target"]
    assert 0 < told["output error, median"] <= told["output error, largest"] < 0.1
    assert told["weight error, median"] <= told["weight error, largest"]
    assert 14 < told["usable"] < 22


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2))])
def test_other_networks_are_refused(model: nn.Module) -> None:
    with pytest.raises(ValueError, match="only linear layers with ReLU between them"):
        networks.layers_of(model, 0.0)
