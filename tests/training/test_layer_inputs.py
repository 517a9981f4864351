"""What layers are fed: moments and Gram matrices, against the layers themselves and by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmark.contract.toy import toy
from benchmark.training.layer_inputs import channels_second, layers_of, powers, products, windows
from tests.support.runs import toy_run


def rows_of(layer: nn.Module, inputs: Tensor) -> Tensor:
    """[groups, positions, columns], from what `windows` gives."""
    seen, kernel = windows(layer, inputs, layer(inputs))
    places, shape = range(3, seen.dim() - kernel), range(seen.dim() - kernel, seen.dim())
    return seen.permute(1, 0, *places, 2, *shape).reshape(seen.shape[1], -1, layer.weight[0].numel())


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(3, 2), (2, 5, 3)),
        (nn.Conv1d(4, 4, 3, dilation=2, padding="same", groups=4), (5, 4, 9)),
        (nn.Conv2d(4, 6, 3, 2, padding=1, groups=2, padding_mode="reflect"), (5, 4, 9, 8)),
        (nn.Conv2d(4, 6, (1, 3), (2, 1), dilation=(1, 2)), (4, 9, 8)),
        (nn.Conv3d(2, 3, (1, 2, 3), padding=(0, 1, 0)), (2, 2, 4, 4, 4)),
    ],
    ids=["linear", "depthwise", "grouped", "one image", "3d"],
)
def test_the_rows_times_the_weight_are_what_the_layer_computes(layer, shape):
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    rows = rows_of(layer, inputs)
    weight = layer.weight.reshape(len(rows), -1, rows.shape[-1])
    found = torch.einsum("gpc,grc->gpr", rows, weight)
    bias = layer.bias.reshape(len(rows), 1, -1)
    outputs = layer(inputs)
    if isinstance(layer, nn.Linear):
        expected = outputs.reshape(1, -1, 2)
    else:
        batched = outputs if inputs.dim() == layer.weight.dim() else outputs.unsqueeze(0)
        expected = batched.unflatten(1, (len(rows), -1)).permute(1, 0, *range(3, batched.dim() + 1), 2).flatten(1, -2)
    torch.testing.assert_close(found + bias, expected)


def test_layers_that_pad_as_they_run_are_seen_with_their_padding():
    layers = pytest.importorskip("timm.layers")
    layer, inputs = layers.Conv2dSame(2, 3, 3, stride=2, bias=False), torch.randn(1, 2, 7, 8)
    rows = rows_of(layer, inputs)[0]
    torch.testing.assert_close(rows @ layer.weight.flatten(1).T, layer(inputs).flatten(2)[0].T)


@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**16))
def test_moments_are_the_diagonal_of_the_gram_matrix(count, channels, seed):
    inputs = torch.randn(count, channels, 5, 4, generator=torch.Generator().manual_seed(seed))
    layer = nn.Conv2d(channels, 2, 3, padding=1)
    [squares], gram = powers([2])(layer, inputs, layer(inputs)), products(layer, inputs, layer(inputs))
    torch.testing.assert_close(squares.flatten(1), gram.diagonal(dim1=1, dim2=2))


def test_moments_of_a_run_are_those_of_its_first_layer_by_hand():
    run, twin = toy_run(), toy_run()
    inputs = torch.cat([points for points, _ in twin.batches(3)]).double()
    moments, gram = run.moments(3), toy_run().gram(3, ["0.weight"])
    torch.testing.assert_close(moments["0.weight"], inputs.square().mean(dim=0).float().expand(16, 6))
    torch.testing.assert_close(gram["0.weight"], (inputs.T @ inputs / len(inputs))[None])
    assert list(gram) == ["0.weight"]
    assert [value.shape for value in moments.values()] == [weight.shape for weight in run.weights.values()]
    torch.testing.assert_close(toy_run().moments(3, order=1)["0.weight"][0], inputs.mean(dim=0).float())


def test_moments_of_several_orders_are_of_the_same_batches():
    means, squares = toy_run().moments(3, order=1), toy_run().moments(3, order=2)
    both = toy_run().moments(3, order=(1, 2))
    for name, (mean, square) in both.items():
        assert mean.equal(means[name])
        assert square.equal(squares[name])


def test_inputs_are_those_of_the_layers_batch_by_batch():
    run, twin = toy_run(), toy_run()
    batches = twin.batches(2)
    net, before = run._state.model, run._state.meter.scoring_passes
    seen = list(run.inputs(2))
    assert run._state.meter.scoring_passes == before + 2
    net.eval()
    for found, (points, _) in zip(seen, batches, strict=True):
        assert found["0.weight"][0].equal(points)
        torch.testing.assert_close(found["4.weight"][0], net[:4](points).detach())
    net.train()


def test_inputs_of_images_have_places_and_those_of_sequences_too():
    assert channels_second(nn.Conv2d(2, 3, 1), torch.zeros(5, 2, 4, 6)).shape == (5, 2, 4, 6)
    assert channels_second(nn.Conv2d(2, 3, 1), torch.zeros(2, 4, 6)).shape == (1, 2, 4, 6)
    assert channels_second(nn.Linear(2, 3), torch.zeros(5, 7, 2)).shape == (5, 2, 7)


def test_a_layer_that_is_called_twice_is_seen_twice():
    run = toy_run(task=replace(toy, models={"net": Twice}))
    [found] = run.inputs()
    first, second = found["body.weight"]
    assert second.equal(torch.tanh(run._state.model.body(first)).detach())


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, points: Tensor) -> Tensor:
        return self.head(torch.tanh(self.body(torch.tanh(self.body(points)))))


def test_later_layers_are_seen_without_dropout_and_behind_the_masks():
    run = toy_run()
    dense = run.moments()["4.weight"]
    net = run._state.model.eval()
    points = toy_run().batches(1)[0][0]
    torch.testing.assert_close(dense[0].double(), net[:4](points).double().square().mean(dim=0).detach())
    net.train()
    run.prune(~run.masks)
    torch.testing.assert_close(run.moments()["4.weight"][0], _of_biases(net))


def _of_biases(net: nn.Sequential) -> Tensor:
    """What the second layer is fed if the first one has no weights: the same for every example."""
    with torch.no_grad():
        return net[1].eval()(net[0].bias[None]).relu()[0].square()


def test_a_weight_that_two_layers_share_is_fed_by_both():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    assert [name for name, *_ in layers_of(model, ["0.weight"])] == ["0.weight", "0.weight"]


class Functional(nn.Module):
    """Its second weight is used without its layer being called."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 3), nn.Linear(3, 2)

    def forward(self, points: Tensor) -> Tensor:
        return nn.functional.linear(self.first(points), self.second.weight)


def test_inputs_that_cannot_be_seen_count_as_one_and_are_noted():
    run = toy_run(task=replace(toy, models={"net": Functional}))
    assert run.moments()["second.weight"].equal(torch.ones(2, 3))
    assert run.gram()["second.weight"].equal(torch.eye(3, dtype=torch.float64)[None])
    assert run._state.notes == ["inputs could not be seen, and count as equal, of second.weight"]


def test_the_meter_counts_passes_and_products():
    run = toy_run()
    before = run._state.meter.scoring_flops
    run.moments(2)
    passes = run._state.meter.scoring_flops - before
    run.gram(2)
    products_too = run._state.meter.scoring_flops - before - passes
    assert run._state.meter.scoring_passes == 4
    assert products_too - passes == 2 * 64 * (6**2 + 16**2 + 16**2)
