"""Blocks and channels: units are kept whole, exactly as many as asked, and what is cut out was not needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmark.contract.toy import toy
from benchmark.errors import Inapplicable
from benchmark.pruning.masks import Masks
from benchmark.pruning.pattern_names import pattern_named
from benchmark.pruning.structured import Blocks, Channels
from benchmark.pruning.target import Target, keep_top
from benchmark.pruning.units import masks_of
from benchmark.training.channel_tracing import cut, trace

BATCH = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0, 1])


class Residual(nn.Module):
    """A stem, a block with a projection shortcut, a grouped-free head: what ties channels in a ResNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm0 = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv1, self.norm1 = nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6)
        self.conv2, self.norm2 = nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.shortcut, self.norm3 = nn.Conv2d(4, 8, 1, stride=2), nn.BatchNorm2d(8)
        self.head = nn.Linear(8 * 16, 2)
        for norm in (self.norm0, self.norm1, self.norm2, self.norm3):
            nn.init.normal_(norm.bias)  # a removed channel must not leak its bias

    def forward(self, images: Tensor) -> Tensor:
        start = F.relu(self.norm0(self.stem(images)))
        block = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(start)))))
        return self.head(F.relu(block + self.norm3(self.shortcut(start))).flatten(1))


class Dense(nn.Module):
    """What ties channels in a DenseNet: two layers whose outputs go on beside their inputs, normed together."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.norm1, self.conv1 = nn.BatchNorm2d(4), nn.Conv2d(4, 5, 3, padding=1)
        self.norm2, self.conv2 = nn.BatchNorm2d(9), nn.Conv2d(9, 6, 3, padding=1)
        self.norm3, self.head = nn.BatchNorm2d(15), nn.Linear(15, 2)

    def forward(self, images: Tensor) -> Tensor:
        both = self.stem(images)
        both = torch.cat([both, self.conv1(F.relu(self.norm1(both)))], dim=1)
        both = torch.cat([both, self.conv2(F.relu(self.norm2(both)))], dim=1)
        return self.head(F.relu(self.norm3(both)).mean(dim=(2, 3)))


def in_groups(groups: int) -> nn.Module:
    """A convolution in groups between two that are not."""
    stem, last = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()], [nn.Conv2d(8, 6, 1), nn.BatchNorm2d(6), nn.ReLU()]
    middle = [nn.Conv2d(8, 8, 3, groups=groups, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    return nn.Sequential(*stem, *middle, *last, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))


def magnitudes(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().abs() for name, p in model.named_parameters() if name in toy.prunable(model)}


def masked(model: nn.Module, masks: Masks) -> nn.Module:
    """The network, its pruned weights zero."""
    with torch.no_grad():
        for name, mask in masks.items():
            model.get_parameter(name).mul_(mask)
    return model.eval()


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(1)
    return Residual()


def test_channels_that_are_added_are_one_channel(network: nn.Module) -> None:
    channels = trace(network, toy, BATCH)
    assert sorted(torch.bincount(channels.layers).tolist()) == [4, 6, 8]
    outputs, inputs = channels.members["conv2.weight"]
    assert torch.equal(outputs.flatten(), channels.members["shortcut.weight"][0].flatten())
    assert torch.equal(inputs.flatten(), channels.members["conv1.weight"][0].flatten())
    assert channels.members["head.weight"][0].flatten().bincount().tolist()[-8:] == [16] * 8


def test_inputs_and_outputs_of_the_network_stay(network: nn.Module) -> None:
    channels = trace(network, toy, BATCH)
    assert channels.members["stem.weight"][0].shape == (4, 1, 1, 1)  # by output alone: pixels are no channels
    assert channels.members["head.weight"][0].shape == (1, 128)


@pytest.mark.parametrize("density", [0.9, 0.5, 0.2, 0.01])
def test_the_smaller_network_is_the_masked_one(network: nn.Module, density: float) -> None:
    masks = keep_top(magnitudes(network), Target(density, trace(network, toy, BATCH)))
    masked(network, masks)
    smaller = cut(network, toy, BATCH, masks)
    images = torch.randn(5, 3, 8, 8)
    assert torch.allclose(network(images), smaller(images), atol=1e-5)
    assert sum(p.numel() for p in smaller.parameters()) < sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("density", [0.8, 0.5, 0.01])
@pytest.mark.parametrize(
    ("make", "channels"),
    [(Dense, [4, 5, 6]), (lambda: in_groups(8), [6, 8]), (lambda: in_groups(2), [6])],
    ids=["concatenation", "depthwise", "grouped"],
)
def test_so_it_is_behind_other_ties(make: Callable[[], nn.Module], channels: list[int], density: float) -> None:
    """And with the batch norm of a trained network. Channels at either side of a grouped convolution all stay."""
    torch.manual_seed(1)
    body = make()
    for norm in (layer for layer in body.modules() if isinstance(layer, nn.BatchNorm2d)):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    for _ in range(20):
        body(2 * torch.randn(16, 3, 8, 8) + 1)
    pattern, images = trace(body, toy, BATCH), torch.randn(5, 3, 8, 8)
    assert sorted(torch.bincount(pattern.layers).tolist()) == channels
    masks, before = keep_top(magnitudes(body), Target(density, pattern)), body.eval()(images)
    after = masked(body, masks)(images)
    assert not torch.allclose(after, before, atol=1e-3)
    assert torch.allclose(after, cut(body, toy, BATCH, masks)(images), atol=1e-5)


def test_parameters_and_products_of_the_smaller_network_on_paper(network: nn.Module) -> None:
    """Of 4, 6 and 8 channels 3, 2 and 5 are left; images have 8 x 8 pixels, and behind the stride 4 x 4."""
    channels, (a, b, c) = trace(network, toy, BATCH), (3, 2, 5)
    widths = torch.bincount(channels.layers).tolist()
    chosen = torch.cat([torch.arange(width) < {4: a, 6: b, 8: c}[width] for width in widths])
    shapes = {name: scores.shape for name, scores in magnitudes(network).items()}
    masks = masks_of(chosen, channels.members, shapes, torch.device("cpu"))
    smaller = cut(masked(network, masks), toy, BATCH, masks)
    weights = 3 * a * 9 + a * b * 9 + b * c * 9 + a * c + 16 * c * 2
    biases, norms = a + b + c + c + 2, 2 * (a + b + c + c)
    assert sum(p.numel() for p in smaller.parameters()) == weights + biases + norms
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        smaller(BATCH[0][:1])
    products = 64 * 3 * a * 9 + 16 * (a * b * 9 + b * c * 9 + a * c) + 16 * c * 2
    assert counter.get_total_flops() == 2 * products


def test_every_layer_keeps_a_channel(network: nn.Module) -> None:
    channels = trace(network, toy, BATCH)
    scores = magnitudes(network)
    scores["conv1.weight"] = torch.zeros_like(scores["conv1.weight"])
    masks = keep_top(scores, Target(0.2, channels))
    assert channels.breach(masks, 0.2) is None
    assert all(count > 0 for count in masks.counts.values())


def test_channels_by_rank_on_four_numbers() -> None:
    """Means 1, 3 and 2 over each unit's own weights: the middle one stays."""
    units = Channels({"w": (torch.tensor([[0], [1], [2]]),)}, torch.zeros(3, dtype=torch.int64))
    kept = units.keep({"w": torch.tensor([[1.0, 1.0], [0.0, 6.0], [2.0, 2.0]])}, 1 / 3)
    assert kept["w"].tolist() == [[False, False], [True, True], [False, False]]


def test_a_network_without_removable_channels_is_an_error() -> None:
    with pytest.raises(Inapplicable, match="no channel that could be removed"):
        trace(nn.Sequential(nn.Linear(6, 2)), toy, (torch.ones(2, 6), torch.tensor([0, 1])))


def test_channels_in_part_are_found(network: nn.Module) -> None:
    channels = trace(network, toy, BATCH)
    masks = keep_top(magnitudes(network), Target(0.5, channels))
    spoiled = dict(masks)
    spoiled["conv2.weight"] = spoiled["conv2.weight"].clone()
    kept = spoiled["conv2.weight"].nonzero()[0]
    spoiled["conv2.weight"][tuple(kept)] = False
    assert channels.breach(Masks(spoiled), 0.5) == "'conv2.weight' keeps channels in part"
    assert "were asked" in str(channels.breach(masks, 0.9))


@settings(max_examples=40)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    kernel=st.sampled_from([(), (1, 1), (3, 3)]),
    block=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    density=st.floats(0.05, 1.0),
    seed=st.integers(0, 99),
)
def test_blocks_are_kept_whole_and_exactly(rows, columns, kernel, block, density, seed) -> None:
    pattern = Blocks(*block)
    draw = torch.Generator().manual_seed(seed)
    scores = {"a": torch.rand(rows, columns, *kernel, generator=draw), "b": torch.rand(4, 4, generator=draw)}
    blocks = -(-rows // block[0]) * -(-columns // block[1]) * (9 if kernel == (3, 3) else 1)
    blocks += -(-4 // block[0]) * -(-4 // block[1])
    if round(density * blocks) == 0:
        with pytest.raises(ValueError, match="keeps none"):
            pattern.keep(scores, density)
        return
    masks = pattern.keep(scores, density)
    assert pattern.breach(masks, density) is None
    fewer = pattern.keep(scores, density, among=masks)
    assert fewer == masks


def test_blocks_on_four_numbers() -> None:
    """Two blocks of one row and two columns, means 2.5 and 2."""
    kept = Blocks(1, 2).keep({"w": torch.tensor([[5.0, 0.0, 2.0, 2.0]])}, 0.5)
    assert kept["w"].tolist() == [[True, True, False, False]]


@pytest.mark.parametrize("name", ["blocks:4x4", "blocks:1x16", "channels"])
def test_spellings(name: str) -> None:
    assert pattern_named(name).name == name


@pytest.mark.parametrize("name", ["blocks:0x4", "blocks:4", "blocks", "channel"])
def test_wrong_spellings(name: str) -> None:
    with pytest.raises(ValueError, match="no pattern named"):
        pattern_named(name)


def test_the_toy_task_runs_with_channels() -> None:
    task = replace(toy, models={"net": Residual})
    assert trace(task.model("net")(), task, BATCH).layers.numel() == 18


def test_channels_that_a_layer_norm_looks_at_stay() -> None:
    """It takes its mean over all of them: without some it is another mean. Those behind it can go."""
    torch.manual_seed(0)
    layers = [nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 10), nn.ReLU(), nn.Linear(10, 2)]
    network, batch = nn.Sequential(*layers), (torch.randn(4, 6), torch.tensor([0, 1, 0, 1]))
    channels = trace(network, toy, batch)
    assert len(channels.layers) == 10
    assert set(channels.members) == {"3.weight", "5.weight"}
    masks = keep_top(magnitudes(network), Target(0.3, channels))
    masked(network, masks)
    smaller = cut(network, toy, batch, masks)
    assert smaller[3].out_features == smaller[5].in_features == 3
    assert torch.allclose(smaller(batch[0]), network(batch[0]), atol=1e-6)


class Heads(nn.Module):
    """Attention as transformers write it: how many heads there are follows from the width that is left."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(6, 8)
        self.out, self.head = nn.Linear(8, 10), nn.Linear(10, 2)

    def forward(self, rows: Tensor) -> Tensor:
        places = rows.view(-1, 3, 6)
        query, key, value = (
            layer(places).view(len(places), 3, -1, 4).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        seen = (query @ key.transpose(2, 3) / 2).softmax(dim=-1) @ value
        return self.head(F.relu(self.out(seen.transpose(1, 2).reshape(len(places), 3, -1)).mean(dim=1)))


@pytest.mark.parametrize("scale", [1.0, 0.02], ids=["large weights", "small ones"])
def test_heads_of_attention_keep_their_width(scale: float) -> None:
    """Half of eight channels would be one head of two, and with small weights hardly another answer."""
    torch.manual_seed(0)
    network = Heads()
    with torch.no_grad():
        for layer in (network.query, network.key, network.value):
            layer.weight *= scale
    batch = torch.randn(4, 18), torch.tensor([0, 1, 0, 1])
    channels = trace(network, toy, batch)
    assert set(channels.members) == {"out.weight", "head.weight"}
