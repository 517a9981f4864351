"""HRank, APoZ and ThiNet, which score channels by what the next layers read of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms._channels import within_layers
from benchmark.algorithms._maps import as_maps, mean_over_maps, read_channels
from benchmark.algorithms.apoz import apoz, share_of_zeros
from benchmark.algorithms.hrank import hrank
from benchmark.algorithms.thinet import contributions, removal, scaled, thinet
from torch import nn

from benchmark import Channels, Inapplicable, Masks, Recipe, keep_units
from benchmark.contract.toy import toy
from tests.support.notebook import RECIPE, Notebook, state, written


def notebook(density: float = 0.5, model: str = "residual", recipe: Recipe = RECIPE) -> Notebook:
    models = {"residual": toy.models["residual"], "flat": flattened}
    return Notebook(density, "channels", recipe, task=replace(toy, models={"net": models[model]}))


def flattened() -> nn.Module:
    """A convolution whose maps of two by three pixels a linear layer reads flattened."""
    first = [nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*first, nn.Linear(24, 2))


# --- on a few numbers -------------------------------------------------------------------------------------------------


def test_the_share_of_zeros_on_four_numbers():
    maps = torch.tensor([[[[0.0, 2.0], [0.0, 0.0]], [[1.0, -1.0], [3.0, 0.0]]]])
    assert share_of_zeros(maps).tolist() == [[0.75, 0.25]]


def test_ranks_on_four_numbers():
    maps = torch.tensor([[[[1.0, 2.0], [2.0, 4.0]], [[1.0, 2.0], [2.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]]])
    assert torch.linalg.matrix_rank(maps).tolist() == [[1, 2, 0]]


def test_a_flattened_input_is_made_of_maps_again():
    read = torch.arange(16.0).view(2, 8)
    maps, units = as_maps(read, torch.tensor([3, 3, 3, 3, 5, 5, 5, 5]))
    assert units.tolist() == [3, 5]
    assert maps[0].tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    maps, units = as_maps(read[:, :6], torch.tensor([0, 0, 0, 1, 1, 1]))
    assert maps.shape == (2, 2, 1, 3)
    maps, units = as_maps(read[:, :3], torch.tensor([0, 0, 1]))  # not as many for each: pixels by themselves
    assert maps.shape == (2, 3, 1, 1)
    assert units.tolist() == [0, 0, 1]


@pytest.mark.parametrize(("shape", "expected"), [((2, 3), (1, 1)), ((2, 3, 5), (1, 5)), ((2, 3, 5, 4), (5, 4))])
def test_other_inputs_are_maps_as_they_are(shape, expected):
    maps, units = as_maps(torch.zeros(shape), torch.arange(3))
    assert maps.shape == (2, 3, *expected)
    assert units.tolist() == [0, 1, 2]


def test_channels_of_an_input_are_those_of_its_columns():
    outputs, inputs = torch.tensor([0, 1, -1]), torch.tensor([4, -1])
    pattern = Channels({"fc": (outputs.view(3, 1), inputs.view(1, 2))}, torch.zeros(5, dtype=torch.int64))
    assert [numbers.tolist() for numbers in read_channels(pattern, "fc", 2)] == [[4, -1]]
    assert not list(read_channels(pattern, "other", 2))


def test_the_channel_goes_without_which_least_is_missing():
    """x = 3, -2, 1.5, 1: first 1; then -2, for (1 - 2)^2 = 1 is less than 1.5 + 1 or 3 + 1; then 1.5."""
    parts = torch.tensor([3.0, -2.0, 1.5, 1.0], dtype=torch.float64)
    assert removal(torch.outer(parts, parts)).tolist() == [3, 1, 2, 0]


def test_every_step_of_the_removal_is_the_best_by_brute_force():
    draw = torch.Generator().manual_seed(0)
    added = torch.randn(50, 6, generator=draw, dtype=torch.float64)
    order = removal(added.T @ added).argsort().tolist()
    for step in range(5):
        left = [at for at in range(6) if at not in order[:step]]
        best = min(left, key=lambda at: float(added[:, [*order[:step], at]].sum(dim=1).square().sum()))
        assert order[step] == best


def test_what_is_left_is_scaled_by_least_squares():
    draw = torch.Generator().manual_seed(1)
    inputs, weight = torch.randn(40, 3, generator=draw, dtype=torch.float64), torch.tensor([[1.0, -2.0, 0.5]]).double()
    added = inputs * weight
    pruned = weight * torch.tensor([1.0, 0.0, 1.0])
    found = scaled(pruned, torch.tensor([7, 8, 9]), added.T @ added / 40)
    best = torch.linalg.lstsq(added[:, [0, 2]], added.sum(dim=1, keepdim=True)).solution[:, 0]
    torch.testing.assert_close(found, pruned * torch.tensor([best[0], 1.0, best[1]]))


def test_columns_of_no_channel_are_not_scaled():
    weight = torch.ones(2, 3, 1, 1).double()
    found = scaled(weight, torch.tensor([4, -1, 2]), torch.tensor([[1.0, 1.0], [1.0, 2.0]]).double())
    assert found.allclose(weight)


# --- of a network -----------------------------------------------------------------------------------------------------


def test_scores_of_a_run_are_those_of_its_maps_by_hand():
    run, twin = notebook(model="flat"), notebook(model="flat")
    pattern = run.target.pattern
    assert isinstance(pattern, Channels)
    found = mean_over_maps(run, pattern, 2, share_of_zeros)
    images = torch.cat([points for points, _ in twin.batches(2)])
    maps = run._state.model[:3](images)
    torch.testing.assert_close(found, (maps == 0).double().mean(dim=(0, 2, 3)))
    ranks = mean_over_maps(notebook(model="flat"), pattern, 2, torch.linalg.matrix_rank)
    flat = maps.detach().reshape(-1, 4, 1, 6)  # six pixels are no square: a map of one row
    torch.testing.assert_close(ranks, torch.linalg.matrix_rank(flat).double().mean(dim=0))


def test_contributions_are_the_products_of_what_channels_add():
    run, twin = notebook(model="flat"), notebook(model="flat")
    assert isinstance(run.target.pattern, Channels)
    [(numbers, products)] = contributions(run, run.target.pattern, 2).values()
    assert numbers.tolist() == [at // 6 for at in range(24)]
    images = torch.cat([points for points, _ in twin.batches(2)])
    read = run._state.model[:4](images).detach().double().unflatten(1, (4, 6))
    added = torch.einsum("ncp,ocp->noc", read, run.weights["4.weight"].double().unflatten(1, (4, 6)))
    torch.testing.assert_close(products, torch.einsum("noc,nod->cd", added, added) / len(images))


@pytest.mark.runs
@pytest.mark.parametrize("method", [hrank, apoz, thinet])
@pytest.mark.parametrize("model", ["residual", "flat"])
def test_channels_are_kept_exactly_and_all_layers_lose_the_same_share(method, model):
    run = written(method, notebook(model=model), batches=2)
    pattern = run.target.pattern
    assert isinstance(pattern, Channels)
    assert pattern.breach(run.masks, 0.5) is None
    assert len(run.trainings) == 2


@pytest.mark.runs
@pytest.mark.parametrize(
    ("method", "sign", "measure"), [(hrank, 1, torch.linalg.matrix_rank), (apoz, -1, share_of_zeros)]
)
def test_the_best_channels_are_kept(method, sign, measure):
    run, twin = written(method, notebook(), batches=3, finetune=0.0), notebook()
    twin.train()
    assert isinstance(twin.target.pattern, Channels)
    scores = sign * mean_over_maps(twin, twin.target.pattern, 3, measure)
    best = keep_units(within_layers(scores, twin.target.pattern), twin.target, Masks.ones(twin.weights))
    assert run.masks == best


@pytest.mark.runs
def test_thinet_corrects_and_its_outputs_are_nearer():
    def error(correct: bool) -> float:
        run, twin = written(thinet, notebook(model="flat"), correct=correct, finetune=0.0), notebook(model="flat")
        twin.train()
        images = torch.cat([points for points, _ in twin.batches(4)])
        dense, sparse = twin._state.model.eval()(images), run._state.model.eval()(images)
        return float((dense - sparse).detach().square().sum())

    assert error(correct=True) < error(correct=False)


@pytest.mark.runs
def test_at_density_one_thinet_scales_nothing():
    run, dense = written(thinet, notebook(1.0), finetune=0.0), notebook(1.0)
    dense.train()
    for name, value in state(dense).items():
        torch.testing.assert_close(state(run)[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", [hrank, apoz, thinet])
def test_other_patterns_are_refused(method):
    with pytest.raises(Inapplicable, match="ask for --pattern channels"):
        method(Notebook(0.5))
