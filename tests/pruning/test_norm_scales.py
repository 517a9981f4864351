"""The scales of the norm layers behind every channel: found in the trace, and averaged over the layers of a channel."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmark import Blocks, Channels, Inapplicable, Target, norm_scales
from benchmark.contract.toy import toy
from benchmark.training.channel_tracing import trace
from tests.pruning.test_structured import BATCH, Dense, Residual

TWO = torch.tensor([0, 0])


def channels(**norms: list[int]) -> Channels:
    """Two channels, behind which there are these norm layers."""
    return Channels({"w": (torch.tensor([[0], [1]]),)}, TWO, {name: torch.tensor(at) for name, at in norms.items()})


def scales_of(body: nn.Module) -> list[float]:
    return norm_scales(dict(body.named_parameters()), Target(0.5, trace(body, toy, BATCH))).tolist()


def test_the_mean_of_absolute_scales_on_four_numbers() -> None:
    """The second layer norms both channels, and one that is in no unit between them."""
    parameters = {"a": torch.tensor([-1.0, 2.0]), "b": torch.tensor([3.0, 9.0, -4.0])}
    found = norm_scales(parameters, Target(0.5, channels(a=[0, 1], b=[0, -1, 1])))
    assert found.dtype == torch.float64
    assert found.tolist() == [2.0, 3.0]


@pytest.mark.parametrize("norms", [{}, {"a": [0, -1]}, {"a": [0, 1], "frozen": [0, 1]}])
def test_every_channel_needs_one(norms: dict[str, list[int]]) -> None:
    parameters = {"a": torch.ones(2)}
    without = 2 - int("a" in norms) * sum(number >= 0 for number in norms.get("a", []))
    if without == 0:
        assert norm_scales(parameters, Target(0.5, channels(**norms))).tolist() == [1, 1]
        return
    with pytest.raises(Inapplicable, match=f"{without} of 2 channels have no norm layer"):
        norm_scales(parameters, Target(0.5, channels(**norms)))


def test_other_patterns_have_none() -> None:
    with pytest.raises(Inapplicable, match="pattern blocks:2x2 has no norm layers"):
        norm_scales({}, Target(0.5, Blocks(2, 2)))


def numbered(body: nn.Module) -> nn.Module:
    """With scales 1, 2, 3 ... in every norm layer, a hundred more in each than in the one before."""
    norms = [layer for layer in body.modules() if isinstance(layer, nn.BatchNorm2d)]
    for number, norm in enumerate(norms):
        norm.weight.data = 100.0 * number + torch.arange(1.0, len(norm.weight) + 1)
    return body


def test_layers_that_are_added_up_share_the_mean() -> None:
    found = scales_of(numbered(Residual()))
    stem, middle = [1, 2, 3, 4], [101, 102, 103, 104, 105, 106]
    added = [(200 + 300) / 2 + at for at in range(1, 9)]
    assert sorted(found) == [float(scale) for scale in [*stem, *middle, *added]]


def test_a_norm_layer_of_joined_layers_is_read_at_the_place_of_the_channel() -> None:
    """Channels of the stem are normed three times; those of the first layer twice, behind the stem's; the rest once."""
    found = scales_of(numbered(Dense()))
    stem = [(0 + 100 + 200) / 3 + at for at in (1, 2, 3, 4)]
    first = [(100 + 200) / 2 + at for at in (5, 6, 7, 8, 9)]
    assert sorted(found) == sorted([*stem, *first, *[200.0 + at for at in range(10, 16)]])


def test_a_layer_without_a_scale_does_not_count() -> None:
    body = Residual()
    body.norm1 = nn.BatchNorm2d(6, affine=False)
    with pytest.raises(Inapplicable, match="6 of 18 channels have no norm layer"):
        scales_of(body)


def test_a_set_that_stays_takes_its_norm_layers_with_it() -> None:
    pattern = trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2)), toy, BATCH)
    assert list(pattern.norms) == ["1.weight"]
    assert pattern.norms["1.weight"].tolist() == [0, 1, 2, 3]
    assert replace(pattern, norms={}).name == "channels"
