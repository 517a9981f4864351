"""LAMP on paper, and the corners of the layer budgets: see pruning/test_layer_densities for their worked examples."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.magnitude import magnitude
from benchmark.algorithms.random import random
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from torch import Size, Tensor

from benchmark import Inapplicable, Target, keep_top
from benchmark.pruning.layer_densities import er, erk, igq, smart_ratio, uniform_plus, weights_per_layer
from benchmark.pruning.structured import Blocks
from benchmark.scores import lamp, square
from benchmark.scores import magnitude as size_of
from tests.support.notebook import RECIPE, Notebook, after, written

quick = settings(max_examples=40)

RULES = ["uniform", "uniform-first", "uniform+", "er", "erk", "smart-ratio", "smart-ratio-vgg", "igq"]
LENET = {"fc1": Size((300, 784)), "fc2": Size((100, 300)), "fc3": Size((10, 100))}


def sizes(shapes: dict[str, Size]) -> dict[str, int]:
    return {name: math.prod(shape) for name, shape in shapes.items()}


def total(shapes: dict[str, Size], densities: dict[str, float]) -> float:
    return sum(densities[name] * size for name, size in sizes(shapes).items())


def on_budget_or_told(distribution: str, shapes: dict[str, Size], density: float) -> None:
    """Whole numbers that are possible and add up; or an error that names the rule."""
    try:
        counts = weights_per_layer(distribution, shapes, density)
    except Inapplicable as error:
        told = str(error)
    else:
        assert sum(counts.values()) == round(density * sum(sizes(shapes).values()))
        assert all(0 <= counts[name] <= size for name, size in sizes(shapes).items())
        return
    assert f"distribution '{distribution}'" in told


# --- LAMP -------------------------------------------------------------------------------------------------------------


def drawn(*scales: float) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {f"layer{number}": scale * torch.randn(8, 12, generator=draw) for number, scale in enumerate(scales)}


def test_lamp_on_paper():
    """w^2 = 9, 1, 4, 0 over what is as large or larger: 9/9, 1/14, 4/13, 0/14."""
    found = lamp({"fc": torch.tensor([[3.0, 1.0], [-2.0, 0.0]])})["fc"]
    assert found.flatten().tolist() == pytest.approx([1, 1 / 14, 4 / 13, 0])
    assert found.shape == (2, 2)


def test_squares_rank_units_by_their_l2_norm_and_weights_as_magnitudes_do():
    """Of blocks (3, 3) and (0, 5) the first has the larger L1 norm, 6 and 5, and the second the larger L2 norm."""
    weights = {"fc": torch.tensor([[3.0, -3.0], [0.0, 5.0]])}
    blocks = Target(0.5, Blocks(1, 2))
    assert square(weights)["fc"].flatten().tolist() == [9, 9, 0, 25]
    assert keep_top(size_of(weights), blocks)["fc"].tolist() == [[True, True], [False, False]]
    assert keep_top(square(weights), blocks)["fc"].tolist() == [[False, False], [True, True]]
    many = drawn(0.001, 1.0, 50.0)
    assert keep_top(square(many), Target(0.2)) == keep_top(size_of(many), Target(0.2))
    assert square({"fc": torch.tensor([1e30])})["fc"].isfinite().all()


@pytest.mark.runs
def test_magnitude_may_rank_by_squares():
    assert after(magnitude, score="square").masks == after(magnitude).masks


def test_the_largest_weight_of_every_layer_scores_one_and_no_other_does():
    weights = drawn(0.001, 1.0, 50.0)
    for name, score in lamp(weights).items():
        assert score.max() == 1
        assert (score == 1).sum() == 1
        assert score.argmax() == weights[name].abs().argmax()
        assert score.min() > 0


def test_lamp_is_invariant_to_the_scale_of_a_layer():
    plain, other = drawn(1.0, 1.0), drawn(1.0, 1000.0)
    for name in plain:
        torch.testing.assert_close(lamp(other)[name], lamp(plain)[name], rtol=1e-5, atol=1e-12)
    assert keep_top(lamp(plain), Target(0.2)) == keep_top(lamp(other), Target(0.2))
    assert keep_top(size_of(plain), Target(0.2)) != keep_top(size_of(other), Target(0.2))


def test_lamp_empties_no_layer_where_magnitude_does():
    weights = drawn(0.001, 1.0, 50.0)
    assert min(keep_top(lamp(weights), Target(3 / 288)).counts.values()) == 1
    assert min(keep_top(size_of(weights), Target(0.3)).counts.values()) == 0


def test_tiny_and_huge_weights_have_finite_scores():
    found = lamp({"fc": torch.tensor([[1e-30, 1e30], [1e-38, -1e38]])})["fc"]
    assert found.isfinite().all()
    assert found.max() == 1


@pytest.mark.runs
@pytest.mark.parametrize("when", ["end", "init"])
def test_magnitude_may_rank_by_lamp(when):
    plain = Notebook()
    if when == "end":
        plain.train()
    run = after(magnitude, score="lamp", when=when)
    assert run.masks == keep_top(lamp(plain.weights), Target(0.2))
    assert run.masks != after(magnitude, when=when).masks


def test_lamp_has_one_memory_format():
    weight = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    plain, other = (lamp({"conv": w})["conv"] for w in (weight, weight.to(memory_format=torch.channels_last)))
    assert torch.equal(plain, other)


# --- uniform+ ---------------------------------------------------------------------------------------------------------

SMALL = {"conv1": Size((4, 3, 3, 3)), "conv2": Size((8, 4, 3, 3)), "fc": Size((10, 8))}
"""108, 288 and 80 weights, 476 in all."""


def test_above_a_fifth_uniform_plus_spares_the_first_convolution_alone():
    found = uniform_plus(SMALL, 0.3)
    assert found["conv1"] == 1
    assert found["conv2"] == found["fc"] == pytest.approx((0.3 * 476 - 108) / 368)


ONE, TWO = {"fc": Size((10, 8))}, {"conv": Size((8, 3, 3, 3)), "fc": Size((10, 8))}


@pytest.mark.parametrize(
    ("distribution", "shapes"),
    [
        ("uniform+", ONE),
        ("uniform+", TWO),
        ("smart-ratio", ONE),
    ],
)
def test_a_network_too_small_for_a_rule_is_on_budget_or_told_so(distribution, shapes):
    on_budget_or_told(distribution, shapes, 0.1)


# --- Erdos-Renyi ------------------------------------------------------------------------------------------------------


@quick
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=6), st.floats(0.01, 1))
def test_er_is_erk_where_all_layers_are_linear(pairs, density):
    shapes = {f"layer{number}": Size(pair) for number, pair in enumerate(pairs)}
    assert er(shapes, density) == erk(shapes, density)


# --- smart ratio ------------------------------------------------------------------------------------------------------


def test_smart_ratios_on_paper():
    """Two layers and a classifier, L = 3: raw 3^2 + 3 = 12 and 2^2 + 2 = 6; for VGG over l^2, 12 and 3/2."""
    shapes = {"one": Size((10, 10)), "two": Size((10, 10)), "fc": Size((10, 10))}
    left = 0.2 * 300 - 0.3 * 100
    assert list(smart_ratio(shapes, 0.2).values()) == pytest.approx([left * 2 / 3 / 100, left / 3 / 100, 0.3])
    assert list(smart_ratio(shapes, 0.2, power=2).values()) == pytest.approx([left * 8 / 9 / 100, left / 9 / 100, 0.3])


def test_a_surplus_of_one_layer_goes_to_the_next():
    """The first layer is full, and of its surplus nothing is lost."""
    shapes = {"one": Size((10, 10)), "two": Size((10, 20)), "three": Size((10, 40)), "fc": Size((10, 10))}
    found = smart_ratio(shapes, 0.5)
    assert found["one"] == 1
    assert found["fc"] == 0.3
    assert found["two"] > found["three"]
    assert total(shapes, found) == pytest.approx(0.5 * 800)


@pytest.mark.parametrize("distribution", ["smart-ratio", "smart-ratio-vgg"])
def test_near_density_one_the_surplus_is_not_lost(distribution):
    on_budget_or_told(distribution, LENET, 0.999)


# --- ideal-gas quotas -------------------------------------------------------------------------------------------------


@quick
@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=6),
    st.one_of(st.floats(0.001, 0.999), st.just(1.0)),
)
def test_ideal_gas_quotas_share_one_force_and_meet_the_total(widths, density):
    shapes = {f"layer{number}": Size((width, 2)) for number, width in enumerate(widths)}
    found = igq(shapes, density)
    forces = [(1 / found[name] - 1) / size for name, size in sizes(shapes).items()]
    assert forces == pytest.approx(forces[:1] * len(forces), rel=1e-6, abs=1e-12)
    assert total(shapes, found) == pytest.approx(density * sum(sizes(shapes).values()), rel=1e-9)


# --- on a network -----------------------------------------------------------------------------------------------------


@pytest.mark.runs
@pytest.mark.parametrize("distribution", RULES)
def test_random_masks_have_the_counts_of_the_rule(distribution):
    run = after(random, 0.3, distribution=distribution)
    assert run.masks.counts == weights_per_layer(distribution, {name: w.shape for name, w in run.weights.items()}, 0.3)
    assert run.masks.kept == 115


def test_over_many_seeds_every_position_of_a_layer_is_as_likely_as_another():
    """Pearson's statistic of how often each is kept: k of n are drawn without replacement, hence (n - 1) / n.

    One in a million of right samplers is outside; the seeds are fixed.
    """
    runs = [
        written(random, Notebook(seed=seed, recipe=replace(RECIPE, steps=0)), distribution="erk") for seed in range(60)
    ]
    shapes = {name: weight.shape for name, weight in runs[0].weights.items()}
    for name, kept in weights_per_layer("erk", shapes, 0.2).items():
        masks = torch.stack([run.masks[name].flatten() for run in runs]).double()
        assert masks.sum(dim=1).tolist() == [kept] * 60
        n, density = masks.shape[1], kept / masks.shape[1]
        squares = (masks.sum(dim=0) - 60 * density).square().sum()
        least, most = chi2.interval(1 - 1e-6, n - 1)
        assert least < (n - 1) / n * squares / (60 * density * (1 - density)) < most
