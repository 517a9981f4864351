"""Effective density: a kept weight counts if a signal can pass through it from the input to the output."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Masks, Run, algorithm
from benchmark.contract.toy import toy
from benchmark.harness.answer import answer
from benchmark.harness.effective_density import live_paths
from benchmark.harness.question import Question
from benchmark.results.cell import Cell
from benchmark.training.task import conv_and_linear
from tests.support.masks import digest


def mask(*rows: str) -> Tensor:
    """`"10", "01"` -> a 2 by 2 mask: one row per output."""
    return torch.tensor([[bit == "1" for bit in row] for row in rows])


def live(model: nn.Module, masks: Masks, *shape: int) -> Masks:
    """The live weights of a classifier of images or points of this shape."""
    return live_paths(model, toy, masks, (torch.randn(2, *shape), torch.tensor([0, 0])))


def all_of(model: nn.Module) -> dict[str, Tensor]:
    """Masks that keep every prunable weight."""
    return {name: torch.ones_like(model.get_parameter(name), dtype=torch.bool) for name in conv_and_linear(model)}


def mlp(*widths: int) -> nn.Sequential:
    layers: list[tuple[str, nn.Module]] = []
    for number, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        layers += [(f"fc{number}", nn.Linear(inputs, outputs)), (f"relu{number}", nn.ReLU())]
    return nn.Sequential(OrderedDict(layers[:-1]))


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_unit_without_inputs_takes_its_outputs_with_it():
    """Of 3 hidden units: one hears nothing, one is not heard, one is live with its two inputs and one output."""
    masks = Masks({"fc1.weight": mask("00", "11", "11"), "fc2.weight": mask("101", "100")})
    found = live(mlp(2, 3, 2), masks, 2)
    assert torch.equal(found["fc1.weight"], mask("00", "00", "11"))
    assert torch.equal(found["fc2.weight"], mask("001", "000"))


def test_death_travels_through_layers_in_both_directions():
    masks = Masks(
        {
            "fc1.weight": mask("10", "01"),
            "fc2.weight": mask("10", "01"),
            "fc3.weight": mask("10", "00"),
            "fc4.weight": mask("11", "11"),
        }
    )
    found = live(mlp(2, 2, 2, 2, 2), masks, 2)
    assert found.counts == {"fc1.weight": 1, "fc2.weight": 1, "fc3.weight": 1, "fc4.weight": 2}
    assert torch.equal(found["fc4.weight"], mask("10", "10"))


def test_everything_kept_is_everything_live():
    model = mlp(4, 6, 5, 3)
    assert live(model, Masks(all_of(model)), 4).density == 1.0


@pytest.mark.parametrize("empty", ["fc1.weight", "fc2.weight", "fc3.weight"])
def test_an_empty_layer_leaves_nothing_live_anywhere(empty):
    model = mlp(4, 6, 5, 3)
    masks = all_of(model) | {empty: torch.zeros_like(model.get_parameter(empty), dtype=torch.bool)}
    assert live(model, Masks(masks), 4).kept == 0


def test_biases_are_no_path():
    """A unit that only its bias moves says nothing of the input."""
    model = mlp(2, 2, 2)
    nn.init.ones_(model.fc1.bias)
    masks = Masks({"fc1.weight": mask("00", "11"), "fc2.weight": mask("11", "10")})
    assert torch.equal(live(model, masks, 2)["fc2.weight"], mask("01", "00"))


def test_values_of_the_weights_have_no_say():
    """Only masks count: paths that cancel, and a kept weight that is exactly zero, are live."""
    model = mlp(2, 2, 1)
    model.load_state_dict(
        {
            "fc1.weight": torch.tensor([[1.0, 0.0], [-1.0, 0.0]]),
            "fc1.bias": torch.tensor([-9.0, -9.0]),
            "fc2.weight": torch.tensor([[1.0, 1.0]]),
            "fc2.bias": torch.tensor([0.0]),
        }
    )
    masks = Masks({"fc1.weight": mask("11", "11"), "fc2.weight": mask("11")})
    found = live_paths(model, toy, masks, (-torch.ones(2, 2), torch.zeros(2, dtype=torch.int64)))
    assert found == masks


def test_what_may_not_be_pruned_is_all_there():
    model = mlp(2, 3, 2)
    task = replace(toy, prunable=lambda model: ["fc2.weight"])
    masks = Masks({"fc2.weight": mask("100", "010")})
    assert live_paths(model, task, masks, (torch.ones(1, 2), torch.tensor([0]))) == masks


# --- convolutions -----------------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """stem -> x + branch2(branch1(x)) -> head, with batch norm everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.branch1, self.norm1 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.branch2, self.norm2 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        start = F.relu(self.stem_norm(self.stem(images)))
        branch = self.norm2(self.branch2(F.relu(self.norm1(self.branch1(start)))))
        return self.head(F.relu(start + branch).mean(dim=(2, 3)))


def test_a_whole_residual_network_is_live():
    model = Residual()
    assert live(model, Masks(all_of(model)), 3, 8, 8).density == 1.0


@pytest.mark.parametrize(("empty", "orphan"), [("branch1", "branch2"), ("branch2", "branch1")])
def test_a_dead_branch_dies_alone_where_the_skip_is_alive(empty, orphan):
    model = Residual()
    masks = all_of(model)
    masks[f"{empty}.weight"] = torch.zeros(4, 4, 3, 3, dtype=torch.bool)
    found = live(model, Masks(masks), 3, 8, 8).counts
    assert found[f"{empty}.weight"] == found[f"{orphan}.weight"] == 0
    assert found["stem.weight"] == 108
    assert found["head.weight"] == 8


def test_a_channel_that_only_the_branch_brings_is_live():
    """Channel 0 has no stem; the branch fills it from channel 1."""
    model = Residual()
    masks = all_of(model)
    masks["stem.weight"][0] = False
    masks["branch2.weight"][1:] = False
    found = live(model, Masks(masks), 3, 8, 8)
    assert found["head.weight"].all()
    assert found.counts == {"stem.weight": 81, "branch1.weight": 108, "branch2.weight": 36, "head.weight": 8}


def test_batch_norm_that_shuts_a_channel_off_is_skipped():
    """Zero-initialised norms (the last of a residual block) do not make a branch dead."""
    model = Residual()
    nn.init.zeros_(model.norm2.weight)
    nn.init.constant_(model.norm1.bias, -9.0)
    assert live(model, Masks(all_of(model)), 3, 8, 8).density == 1.0


def pooled(pool: nn.Module, places: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), pool, nn.Flatten(), nn.Linear(4 * places, 2))


def test_convolution_and_max_pooling_are_live_as_a_whole():
    model = pooled(nn.MaxPool2d(2), 16)
    assert live(model, Masks(all_of(model)), 3, 8, 8).density == 1.0


def test_a_dead_channel_is_dead_through_max_pooling_and_flattening():
    model = pooled(nn.MaxPool2d(2), 16)
    masks = all_of(model)
    masks["0.weight"][1] = False
    masks["4.weight"].view(2, 4, 16)[:, 2] = False
    found = live(model, Masks(masks), 3, 8, 8)
    assert found["0.weight"].flatten(1).any(dim=1).tolist() == [True, False, False, True]
    assert found["4.weight"].view(2, 4, 16).any(dim=2)[0].tolist() == [True, False, False, True]


def test_padding_feeds_nothing():
    """On a single pixel, only the middle of a kernel ever sees an input."""
    model = pooled(nn.Identity(), 1)
    found = live(model, Masks(all_of(model)), 3, 1, 1)
    assert found["0.weight"].sum(dim=(0, 1)).tolist() == [[0, 0, 0], [0, 12, 0], [0, 0, 0]]


def test_max_pooling_over_a_border_loses_no_path():
    """The last block of VGG on CIFAR: 2 by 2 places, padded, pooled to one. Any of the four may be the largest."""
    model = pooled(nn.MaxPool2d(2), 1)
    assert live(model, Masks(all_of(model)), 3, 2, 2).density == 1.0


class Functional(nn.Module):
    """A convolution whose pooling is no layer of its own."""

    def __init__(self, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.head, self.pool = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 2), pool

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.pool(F.relu(self.conv(images))).flatten(1))


@pytest.mark.parametrize(
    "pool",
    [
        nn.AdaptiveMaxPool2d(1),
        lambda maps: F.max_pool2d(maps, 2),
        lambda maps: maps.amax(dim=(2, 3)),
    ],
    ids=["adaptive", "function", "amax"],
)
def test_other_maxima_over_a_border_lose_no_path(pool):
    model = Functional(pool)
    assert live(model, Masks(all_of(model)), 3, 2, 2).density == 1.0


# --- depth and heads --------------------------------------------------------------------------------------------------


def test_two_hundred_dense_layers_are_live():
    model = mlp(*[64] * 201)
    assert live(model, Masks(all_of(model)), 64).density == 1.0


def test_two_hundred_sparse_layers_are_live():
    model = mlp(*[64] * 201)
    masks = Masks({name: torch.eye(64, dtype=torch.bool) for name in conv_and_linear(model)})
    assert live(model, masks, 64) == masks


def test_a_model_that_returns_log_probabilities_is_live():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.LogSoftmax(dim=1))
    assert live(model, Masks(all_of(model)), 4).density == 1.0


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Softplus])
def test_a_unit_without_inputs_is_dead_behind_every_activation(activation):
    model = nn.Sequential(nn.Linear(2, 2), activation(), nn.Linear(2, 2))
    masks = Masks({"0.weight": mask("00", "11"), "2.weight": mask("11", "11")})
    assert torch.equal(live(model, masks, 2)["2.weight"], mask("01", "01"))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.LeakyReLU, nn.Hardswish])
def test_activations_that_are_zero_at_zero_carry_a_signal_and_make_none(activation):
    model = nn.Sequential(nn.Linear(2, 2), activation(), nn.Linear(2, 2))
    masks = Masks({"0.weight": mask("00", "11"), "2.weight": mask("11", "11")})
    assert live(model, masks, 2).counts == {"0.weight": 2, "2.weight": 2}


class Attention(nn.Module):
    """One head over a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.head = (nn.Linear(4, width) for width in (4, 4, 4, 2))

    def forward(self, words: Tensor) -> Tensor:
        return self.head(F.scaled_dot_product_attention(self.query(words), self.key(words), self.value(words))).mean(1)


def test_queries_and_keys_of_an_attention_are_live():
    model = Attention()
    assert live(model, Masks(all_of(model)), 5, 4).density == 1.0


# --- against a reference ----------------------------------------------------------------------------------------------


def enumerated(masks: Masks) -> dict[str, Tensor]:
    """Every path from an input to an output, one by one; a weight is live if one of them runs through it."""
    layers = list(masks.values())
    widths = [layers[0].shape[1], *(layer.shape[0] for layer in layers)]
    found = {name: torch.zeros_like(layer) for name, layer in masks.items()}
    for path in product(*map(range, widths)):
        hops = list(pairwise(path))
        if all(layer[to, start] for layer, (start, to) in zip(layers, hops, strict=True)):
            for layer, (start, to) in zip(found.values(), hops, strict=True):
                layer[to, start] = True
    return found


@settings(max_examples=50)
@given(st.lists(st.integers(1, 4), min_size=3, max_size=5), st.data())
def test_random_masks_agree_with_an_enumeration_of_paths(widths, data):
    model = mlp(*widths)
    masks = {}
    for name, tensor in all_of(model).items():
        flat = data.draw(st.lists(st.booleans(), min_size=tensor.numel(), max_size=tensor.numel()), label=name)
        masks[name] = torch.tensor(flat).view(tensor.shape)
    found = live(model, Masks(masks), widths[0])
    assert found == Masks(enumerated(Masks(masks)))


def test_what_is_live_is_kept_and_stays_live_alone():
    model = mlp(5, 6, 6, 3)
    draw = torch.Generator().manual_seed(0)
    masks = Masks({n: torch.rand(m.shape, generator=draw) < 0.3 for n, m in all_of(model).items()})
    found = live(model, masks, 5)
    assert found & masks == found
    assert 0 < found.kept < masks.kept
    assert live(model, found, 5) == found


# --- no trace ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_untouched(training):
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 2)).train(training)
    toy.loss(model, (torch.ones(4, 6), torch.zeros(4, dtype=torch.int64))).backward()
    masks = Masks(all_of(model))

    def look() -> list[object]:
        tensors = [*model.state_dict().values(), *(p.grad for p in model.parameters())]
        modes, hooks = [m.training for m in model.modules()], [len(m._forward_hooks) for m in model.modules()]
        return [[t.tolist() for t in tensors], modes, hooks, torch.get_rng_state().tolist(), digest(masks)]

    batch = torch.randn(2, 6), torch.tensor([0, 1])
    before = look()
    live_paths(model, toy, masks, batch)
    assert look() == before


@pytest.mark.runs
def test_a_record_counts_the_outputs_that_no_path_runs_through():
    """One hidden unit has lost its inputs, another its outputs."""
    task = replace(toy, models={"net": lambda: mlp(6, 4, 2)})

    @algorithm()
    def cuts(run: Run) -> None:
        masks = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in run.weights.items()}
        masks["fc1.weight"][0], masks["fc2.weight"][:, 1] = False, False
        run.prune(Masks(masks))
        run.train()

    cell = Cell(algorithm="cuts", task="toy", model="net", sparsity=0.25, budget="smoke", seed=0)
    layers = answer(Question(cell, cuts, task)).layers
    assert {name: (layer.kept, layer.effective, layer.dead) for name, layer in layers.items()} == {
        "fc1.weight": (18, 12, 2),
        "fc2.weight": (6, 4, 0),
    }
