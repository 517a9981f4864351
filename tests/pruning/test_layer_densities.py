"""Layer densities: Erdos-Renyi-kernel against worked examples, and whole numbers that add up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Size

from benchmark.errors import Inapplicable
from benchmark.pruning.layer_densities import (
    allocate,
    er,
    erk,
    igq,
    smart_ratio,
    uniform,
    uniform_first,
    uniform_plus,
    weights_per_layer,
)

quick = settings(max_examples=50)

LENET = {"fc1": Size((300, 784)), "fc2": Size((100, 300)), "fc3": Size((10, 100))}


def resnet20() -> dict[str, Size]:
    """The convolutions of CIFAR ResNet-20 with projection shortcuts, and its classifier: 270,896 weights."""
    shapes, inputs = {"stem": Size((16, 3, 3, 3))}, 16
    for stage, width in enumerate((16, 32, 64), start=1):
        for block in range(3):
            shapes[f"stage{stage}.{block}.conv1"] = Size((width, inputs, 3, 3))
            shapes[f"stage{stage}.{block}.conv2"] = Size((width, width, 3, 3))
            if inputs != width:
                shapes[f"stage{stage}.shortcut"] = Size((width, inputs, 1, 1))
            inputs = width
    return shapes | {"fc": Size((10, 64))}


def sizes(shapes: dict[str, Size]) -> dict[str, int]:
    return {name: math.prod(shape) for name, shape in shapes.items()}


def total(shapes: dict[str, Size], densities: dict[str, float]) -> float:
    return sum(densities[name] * size for name, size in sizes(shapes).items())


SHAPES = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3, 5]), st.sampled_from([1, 3])),
    ),
    min_size=1,
    max_size=6,
).map(lambda shapes: {f"layer{number}": Size(shape) for number, shape in enumerate(shapes)})

# --- Erdos-Renyi-kernel -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("density", "expected"), [(0.05, (0.03848, 0.11134, 0.91851)), (0.10, (0.07957, 0.23019, 1.0))]
)
def test_erk_of_lenet_300_100(density, expected):
    assert list(erk(LENET, density).values()) == pytest.approx(expected, abs=1e-5)


def test_erk_counts_of_lenet_300_100():
    counts = weights_per_layer("erk", LENET, 0.05)
    assert sum(counts.values()) == 13_310
    assert list(counts.values()) == pytest.approx([9052, 3340, 919], abs=1)


def test_the_shapes_of_resnet20_are_right():
    assert sum(sizes(resnet20()).values()) == 270_896


@pytest.mark.parametrize(
    ("density", "layers", "expected"),
    [
        (0.05, ["stem"], 0.4748),
        (0.05, [f"stage1.{block}.conv{n}" for block in range(3) for n in (1, 2)], 0.1353),
        (0.05, ["stage2.0.conv1"], 0.0961),
        (0.05, ["stage2.0.conv2", "stage2.1.conv1", "stage2.2.conv2"], 0.0623),
        (0.05, ["stage2.shortcut"], 0.8012),
        (0.05, ["stage3.0.conv1"], 0.0454),
        (0.05, ["stage3.0.conv2", "stage3.1.conv1", "stage3.2.conv2"], 0.0298),
        (0.05, ["stage3.shortcut"], 0.3926),
        (0.05, ["fc"], 0.9486),
        (0.10, ["stem"], 0.983),
        (0.10, ["stage2.shortcut", "fc"], 1.0),
    ],
)
def test_erk_of_resnet20(density, layers, expected):
    found = erk(resnet20(), density)
    assert [found[layer] for layer in layers] == pytest.approx(
        [expected] * len(layers), abs=5e-4 if density == 0.1 else 5e-5
    )


def test_dense_layers_of_resnet20_are_exactly_dense():
    counts = weights_per_layer("erk", resnet20(), 0.10)
    assert counts["stage2.shortcut"] == 512
    assert counts["fc"] == 640
    assert sum(counts.values()) == 27_090


@quick
@given(SHAPES, st.floats(0.01, 1))
def test_erk_is_on_budget_and_no_layer_is_more_than_dense(shapes, density):
    densities = erk(shapes, density)
    assert list(densities) == list(shapes)
    assert all(0 < d <= 1 for d in densities.values())
    assert total(shapes, densities) == pytest.approx(density * sum(sizes(shapes).values()), rel=1e-9)


@quick
@given(SHAPES, st.floats(0.01, 0.99))
def test_erk_layers_that_are_not_dense_share_one_scale(shapes, density):
    found = erk(shapes, density)
    scales = [d / (sum(shapes[n]) / math.prod(shapes[n])) for n, d in found.items() if d < 1]
    assert scales == pytest.approx(scales[:1] * len(scales))


def test_erk_at_density_one_keeps_everything():
    assert set(erk(resnet20(), 1.0).values()) == {1.0}
    assert weights_per_layer("erk", resnet20(), 1.0) == sizes(resnet20())


def test_uniform_is_the_same_everywhere():
    assert uniform(LENET, 0.3) == {"fc1": 0.3, "fc2": 0.3, "fc3": 0.3}
    assert weights_per_layer("uniform", LENET, 0.1) == {"fc1": 23_520, "fc2": 3_000, "fc3": 100}


# --- other rules ------------------------------------------------------------------------------------------------------


def without_shortcuts(shapes: dict[str, Size]) -> dict[str, Size]:
    return {name: shape for name, shape in shapes.items() if "shortcut" not in name}


def test_er_sees_channels_and_not_kernels():
    assert er(LENET, 0.05) == pytest.approx(erk(LENET, 0.05))
    found = er(resnet20(), 0.05)
    assert found["stage1.0.conv1"] / found["stage3.1.conv1"] == pytest.approx((32 / 256) / (128 / 4096))
    assert total(resnet20(), found) == pytest.approx(0.05 * 270_896)


@pytest.mark.parametrize(("density", "head"), [(0.05, 0.2), (0.19, 0.2), (0.5, None)])
def test_uniform_plus_spares_the_first_convolution_and_the_classifier(density, head):
    found = uniform_plus(resnet20(), density)
    assert found["stem"] == 1.0
    rest = {d for name, d in found.items() if name not in ("stem", "fc")}
    assert len(rest) == 1
    assert found["fc"] == (head or rest.pop())
    assert total(resnet20(), found) == pytest.approx(density * 270_896)


def test_uniform_first_spares_the_stem_of_resnet20_alone():
    found = uniform_first(resnet20(), 0.1)
    assert found.pop("stem") == 1.0
    assert list(found.values()) == pytest.approx([(27_089.6 - 432) / (270_896 - 432)] * 21)
    assert weights_per_layer("uniform-first", resnet20(), 0.1)["stem"] == 432


def test_uniform_plus_has_no_first_convolution_to_spare_where_there_is_none():
    found = uniform_plus(LENET, 0.1)
    assert found["fc1"] == found["fc2"] < 0.1
    assert found["fc3"] == 0.2


def test_ideal_gas_quotas_of_lenet_300_100():
    assert list(igq(LENET, 0.10).values()) == pytest.approx([0.06445, 0.35068, 0.94187], abs=1e-5)


def test_smart_ratio_of_resnet20():
    found = list(smart_ratio(without_shortcuts(resnet20()), 0.02).values())
    assert found[:7] == pytest.approx([0.1420, 0.1285, 0.1157, 0.1035, 0.0920, 0.0812, 0.0710], abs=5e-5)
    assert found[-3:] == pytest.approx([0.0041, 0.0020, 0.30], abs=5e-5)


@pytest.mark.parametrize("power", [0, 2])
def test_smart_ratio_falls_with_depth_hands_surplus_on_and_fixes_the_classifier(power):
    shapes = without_shortcuts(resnet20())
    for density in (0.02, 0.5):
        *body, head = smart_ratio(shapes, density, power).values()
        assert body == sorted(body, reverse=True)
        assert max(body) <= 1
        assert head == 0.3
        assert total(shapes, smart_ratio(shapes, density, power)) == pytest.approx(density * 268_336)


@pytest.mark.parametrize("distribution", ["uniform-first", "uniform+", "smart-ratio", "smart-ratio-vgg"])
def test_a_density_below_what_a_rule_fixes_is_not_applicable(distribution):
    shapes = {"conv": Size((16, 3, 3, 3)), "mid": Size((16, 16, 3, 3)), "fc": Size((100, 16))}
    with pytest.raises(Inapplicable, match=r"distribution '.*' cannot .* density 0.01 on this network"):
        weights_per_layer(distribution, shapes, 0.01)


@pytest.mark.parametrize("distribution", ["smart-ratio", "smart-ratio-vgg"])
def test_a_density_above_what_a_rule_allows_is_not_applicable(distribution):
    with pytest.raises(Inapplicable, match="density 1 "):
        weights_per_layer(distribution, LENET, 1.0)


@pytest.mark.parametrize(
    "distribution", ["uniform", "uniform-first", "uniform+", "er", "erk", "smart-ratio", "smart-ratio-vgg", "igq"]
)
@pytest.mark.parametrize("density", [0.01, 0.05, 0.1, 0.3, 0.5, 0.9])
def test_every_rule_is_exact_in_total_and_asks_no_layer_for_more_than_it_has(distribution, density):
    counts = weights_per_layer(distribution, resnet20(), density)
    assert sum(counts.values()) == round(density * 270_896)
    assert all(0 <= counts[name] <= size for name, size in sizes(resnet20()).items())


# --- whole numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "whole", "expected"),
    [
        ([1.5, 2.25, 0.25], 4, [2, 2, 0]),
        ([0.5, 0.5, 0.5, 0.5], 2, [1, 1, 0, 0]),
        ([0.2, 0.9, 0.9], 2, [0, 1, 1]),
        ([3.0, 4.0], 7, [3, 4]),
        ([1 / 3] * 3, 1, [1, 0, 0]),
        ([0.0, 5.0], 5, [0, 5]),
    ],
)
def test_the_largest_remainders_are_rounded_up_and_of_equals_the_earlier(shares, whole, expected):
    named = {f"layer{number}": share for number, share in enumerate(shares)}
    assert list(allocate(named, whole).values()) == expected


@quick
@given(st.lists(st.floats(0, 1000), min_size=1, max_size=12))
def test_whole_numbers_add_up_and_stay_within_one_of_their_share(shares):
    named = {f"layer{number}": share for number, share in enumerate(shares)}
    whole = round(sum(shares))
    counts = allocate(named, whole)
    assert sum(counts.values()) == whole
    assert all(abs(counts[name] - named[name]) < 1 for name in named)


@quick
@given(SHAPES, st.floats(0.01, 1), st.sampled_from(["uniform", "er", "erk", "igq"]))
def test_budgets_are_exact_in_total_and_possible_in_every_layer(shapes, density, distribution):
    counts = weights_per_layer(distribution, shapes, density)
    assert sum(counts.values()) == round(density * sum(sizes(shapes).values()))
    assert all(0 <= counts[name] <= size for name, size in sizes(shapes).items())


def test_erk_first_keeps_the_first_tensor_dense_and_the_rest_at_erk():
    shapes = resnet20()
    counts = weights_per_layer("erk-first", shapes, 0.1)
    total = sum(math.prod(shape) for shape in shapes.values())
    assert counts["stem"] == 432
    assert sum(counts.values()) == round(0.1 * total)
    rest = {name: shape for name, shape in shapes.items() if name != "stem"}
    left = (round(0.1 * total) - 432) / (total - 432)
    for name, density in erk(rest, left).items():
        assert counts[name] == pytest.approx(density * math.prod(rest[name]), abs=1)


def test_erk_first_is_refused_where_the_first_tensor_alone_is_too_much():
    for shapes in (LENET, {"fc": Size((10, 10))}):
        with pytest.raises(Inapplicable, match=r"'erk-first' cannot meet density 0\.1"):
            weights_per_layer("erk-first", shapes, 0.1)
