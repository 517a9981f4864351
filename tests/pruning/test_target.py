"""Selection: exactly the asked number, the earlier of equals, and every pattern true to its name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark import Masks, Target, keep_each, keep_top
from benchmark.contract import trial
from benchmark.pruning.pattern_names import pattern_named
from benchmark.pruning.patterns import Anywhere, Layer, NofM
from tests.support.masks import digest

quick = settings(max_examples=50)

SHAPES = st.lists(st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple), min_size=1, max_size=4)
TIED = st.sampled_from([-math.inf, -2.0, -1.0, -0.0, 0.0, 0.5, 1.0, math.inf])
DISTINCT = st.floats(width=32, allow_nan=False)


@st.composite
def scores_of(draw: st.DrawFn, shapes: st.SearchStrategy = SHAPES, dtype: torch.dtype = torch.float32):
    """Named scores; one time in two from a few values only, so that most of them tie."""
    values = draw(st.sampled_from([TIED, DISTINCT]))
    found = {}
    for number, shape in enumerate(draw(shapes)):
        size = math.prod(shape)
        flat = draw(st.lists(values, min_size=size, max_size=size))
        found[f"layer{number}"] = torch.tensor(flat, dtype=dtype).view(shape)
    return found


def sorted_reference(scores: Mapping[str, Tensor], count: int, among: Masks | None = None) -> list[bool]:
    """What is kept, over all tensors in order: Python's stable sort, one weight at a time."""
    flat = [score for tensor in scores.values() for score in tensor.reshape(-1).tolist()]
    live = [True] * len(flat) if among is None else flattened(among)
    ranked = sorted((i for i in range(len(flat)) if live[i]), key=lambda i: -flat[i])
    return [i in set(ranked[:count]) for i in range(len(flat))]


def flattened(masks: Masks) -> list[bool]:
    return [bit for mask in masks.values() for bit in mask.reshape(-1).tolist()]


def kept_at(scores: Mapping[str, Tensor], density: float, pattern: str = "global", among: Masks | None = None) -> Masks:
    return keep_top(scores, Target(density, pattern_named(pattern)), among)


# --- the whole network ------------------------------------------------------------------------------------------------


@quick
@given(scores_of(), st.floats(0.01, 1))
def test_exactly_the_asked_share_is_kept_and_it_is_the_best(scores, density):
    total = sum(score.numel() for score in scores.values())
    count = round(density * total)
    if count == 0:
        with pytest.raises(ValueError, match="keeps none"):
            kept_at(scores, density)
        return
    masks = kept_at(scores, density)
    assert masks.kept == count
    assert {name: mask.shape for name, mask in masks.items()} == {name: score.shape for name, score in scores.items()}
    assert flattened(masks) == sorted_reference(scores, count)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64])
def test_scores_of_every_type_are_ranked_alike(dtype):
    values = torch.tensor([3, -1, 0, 3, 2, 2, -5, 2], dtype=dtype).view(2, 4)
    for count in range(1, 9):
        assert flattened(kept_at({"fc": values}, count / 8)) == sorted_reference({"fc": values}, count)


def test_of_equal_scores_the_earlier_stays_in_tensor_order_then_flat_order():
    scores = {"b": torch.zeros(2, 2), "a": torch.zeros(2, 2)}
    masks = kept_at(scores, 5 / 8)
    assert list(masks) == ["b", "a"]
    assert masks["b"].tolist() == [[True, True], [True, True]]
    assert masks["a"].tolist() == [[True, False], [False, False]]


def test_zero_and_minus_zero_are_equal_scores():
    scores = {"fc": torch.tensor([[-0.0, 0.0, -0.0, 0.0]])}
    assert kept_at(scores, 0.5)["fc"].tolist() == [[True, True, False, False]]


def test_infinities_are_scores_like_others():
    scores = {"fc": torch.tensor([[-math.inf, 1.0, math.inf, -math.inf, 1.0, math.inf]])}
    assert kept_at(scores, 3 / 6)["fc"].tolist() == [[False, True, True, False, False, True]]
    assert kept_at(scores, 5 / 6)["fc"].tolist() == [[True, True, True, False, True, True]]


def test_scores_may_require_gradients():
    masks = kept_at({"fc": torch.tensor([[1.0, 2.0]], requires_grad=True)}, 0.5)
    assert masks["fc"].tolist() == [[False, True]]


@pytest.mark.parametrize("pattern", ["global", "layer", "2:4"])
def test_selecting_leaves_scores_and_choices_as_they_were(pattern):
    scores = {"fc": torch.tensor([[3.0, 1.0, 4.0, 1.0]])}
    among = Masks({"fc": torch.tensor([[True, True, False, True]])})
    kept_at(scores, 0.5, pattern, among)
    assert scores["fc"].tolist() == [[3.0, 1.0, 4.0, 1.0]]
    assert among["fc"].tolist() == [[True, True, False, True]]


@quick
@given(scores_of(), st.data())
def test_among_never_revives(scores, data):
    total = sum(score.numel() for score in scores.values())
    alive = data.draw(st.lists(st.booleans(), min_size=total, max_size=total).filter(any))
    parts = torch.tensor(alive).split([score.numel() for score in scores.values()])
    among = Masks({name: part.view(s.shape) for (name, s), part in zip(scores.items(), parts, strict=True)})
    count = data.draw(st.integers(1, among.kept))
    masks = kept_at(scores, count / total, among=among)
    assert masks.kept == count
    assert masks & among == masks
    assert flattened(masks) == sorted_reference(scores, count, among)


def test_a_dead_weight_stays_dead_although_its_score_is_the_best():
    scores = {"fc": torch.tensor([[9.0, -1.0, -math.inf, 9.0]])}
    among = Masks({"fc": torch.tensor([[False, True, True, False]])})
    assert kept_at(scores, 0.5, among=among) == among


@pytest.mark.parametrize("pattern", ["global", "layer"])
def test_more_than_are_left_cannot_be_kept(pattern):
    among = Masks({"fc": torch.tensor([[True, False, False, False]])})
    with pytest.raises(ValueError, match="2 weights were asked, only 1 are left to choose from"):
        kept_at({"fc": torch.zeros(1, 4)}, 0.5, pattern, among)


@pytest.mark.parametrize("pattern", ["global", "layer", "2:4"])
@pytest.mark.parametrize("density", [0.5, 1.0])
def test_nan_cannot_be_ranked(pattern, density):
    with pytest.raises(ValueError, match="the scores of 'fc2' hold NaN; they cannot be ranked"):
        kept_at({"fc1": torch.zeros(1, 4), "fc2": torch.tensor([[1.0, math.nan, 2.0, 3.0]])}, density, pattern)


def test_a_density_that_keeps_nothing_is_an_error():
    with pytest.raises(ValueError, match=r"density 0.001 keeps none of 100 weights"):
        kept_at({"fc": torch.zeros(10, 10)}, 0.001)


# --- the target -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("density", "shown"), [(90, "90"), (0, "0"), (-0.1, "-0.1"), (1.5, "1.5"), (math.nan, "nan"), (math.inf, "inf")]
)
def test_a_density_outside_its_range_is_an_error_with_the_remedy(density, shown):
    with pytest.raises(ValueError, match="density must lie in") as error:
        Target(density)
    assert str(error.value) == f"density must lie in (0, 1], got {shown}; 90% sparsity is density 0.1"


def test_a_target_is_a_value():
    assert Target(0.1) == Target(0.1, Anywhere())
    assert Target(0.1, NofM(2, 4)) != Target(0.1, NofM(1, 4))
    with pytest.raises(AttributeError):
        Target(0.1).density = 0.2


@pytest.mark.parametrize(
    ("progress", "density"), [(0, 1.0), (0.25, 0.01**0.25), (0.5, 0.1), (0.75, 0.01**0.75), (1, 0.01)]
)
def test_the_schedule_is_geometric_and_ends_at_the_target(progress, density):
    target = Target(0.01, Layer()).at_progress(progress)
    assert target.density == pytest.approx(density, rel=1e-12)
    assert target.pattern == Layer()


@quick
@given(st.floats(0.001, 1))
def test_the_schedule_begins_dense_and_arrives_exactly(density):
    assert Target(density).at_progress(0).density == 1.0
    assert Target(density).at_progress(1).density == density


@pytest.mark.parametrize("pattern", ["global", "layer", "2:4"])
def test_masks_along_the_schedule_are_nested(pattern):
    scores = {name: torch.randn(6, 8, generator=torch.Generator().manual_seed(n)) for n, name in enumerate("ab")}
    target = Target(0.25, pattern_named(pattern))
    free, confined = Masks.ones(scores), Masks.ones(scores)
    for step in range(1, 6):
        later = keep_top(scores, target.at_progress(step / 5))
        assert later & free == later
        free, confined = later, keep_top(scores, target.at_progress(step / 5), among=confined)
        assert confined == free
    assert free.density == 0.25


# --- patterns ---------------------------------------------------------------------------------------------------------


@quick
@given(scores_of(), st.floats(0.01, 1))
def test_layer_keeps_the_asked_share_of_every_tensor(scores, density):
    masks = kept_at(scores, density, "layer")
    for name, score in scores.items():
        count = round(density * score.numel())
        assert masks.counts[name] == count
        assert flattened(Masks({name: masks[name]})) == sorted_reference({name: score}, count)
    assert Layer().breach(masks, density) is None


def in_groups(values: Tensor, m: int) -> list[list]:
    """Groups of m along dimension 1, slowly: one list for every output, kernel position and block of channels."""
    places = [range(size) for size in values.shape[2:]]
    groups = []
    for out in range(values.shape[0]):
        for place in torch.cartesian_prod(*[torch.tensor(p) for p in places]).view(-1, len(places)) if places else [()]:
            column = [values[(out, channel, *map(int, place))].item() for channel in range(values.shape[1])]
            groups += [column[first : first + m] for first in range(0, len(column), m)]
    return groups


@quick
@given(
    scores_of(st.sampled_from([[(3, 8)], [(2, 4, 3, 3)], [(2, 8, 1, 2)], [(1, 4, 2), (5, 12)]])),
    st.sampled_from([(1, 2), (2, 4), (1, 4), (3, 4)]),
)
def test_n_of_m_keeps_the_best_n_of_every_m_input_channels(scores, shape):
    n, m = shape
    masks = kept_at(scores, n / m, f"{n}:{m}")
    for name, score in scores.items():
        for kept, group in zip(in_groups(masks[name], m), in_groups(score, m), strict=True):
            assert sum(kept) == n
            ranked = sorted(range(m), key=lambda i, group=group: -group[i])
            assert kept == [i in ranked[:n] for i in range(m)]
    assert NofM(n, m).breach(masks, n / m) is None


def test_two_of_four_looks_like_this():
    scores = {"fc": torch.tensor([[4.0, -3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 5.0]])}
    assert kept_at(scores, 0.5, "2:4")["fc"].int().tolist() == [[1, 0, 1, 0, 1, 0, 0, 1]]


@pytest.mark.parametrize(("density", "count"), [(1.0, 4), (0.75, 3), (0.6, 2), (0.5, 2), (0.25, 1)])
def test_a_schedule_passes_through_n_of_m_in_whole_weights(density, count):
    scores = {"fc": torch.randn(3, 8, generator=torch.Generator().manual_seed(0))}
    masks = kept_at(scores, density, "2:4")
    assert {sum(group) for group in in_groups(masks["fc"], 4)} == {count}
    assert NofM(2, 4).breach(masks, density) is None


def test_tensors_that_n_of_m_cannot_divide_stay_dense_and_are_named():
    scores = {"stem": torch.randn(4, 3, 3, 3), "conv": torch.randn(4, 8, 3, 3), "fc": torch.randn(2, 6)}
    masks = kept_at(scores, 0.5, "2:4")
    assert masks.counts == {"stem": 108, "conv": 144, "fc": 12}
    assert NofM(2, 4).exempt({name: score.shape for name, score in scores.items()}) == {
        "stem": "3 input channels are not a multiple of 4",
        "fc": "6 input channels are not a multiple of 4",
    }


@pytest.mark.runs
@pytest.mark.parametrize("method", ["random", "granet"])
def test_a_record_at_two_of_four_says_which_layer_is_dense_and_why(method):
    found = trial.record(method, "2:4", 0.5, "net").layers
    assert {name: (layer.kept, layer.total, layer.note) for name, layer in found.items()} == {
        "0.weight": (96, 96, "6 input channels are not a multiple of 4"),
        "4.weight": (128, 256, ""),
        "6.weight": (16, 32, ""),
    }


@pytest.mark.parametrize("pattern", ["global", "layer"])
def test_other_patterns_cover_every_tensor(pattern):
    assert pattern_named(pattern).exempt({"stem": torch.Size([4, 3, 3, 3])}) == {}


def test_a_group_with_too_few_live_weights_cannot_follow_n_of_m():
    among = Masks({"fc": torch.tensor([[True, True, True, True, True, False, False, False]])})
    with pytest.raises(ValueError, match="pattern 2:4: a group of 4 has fewer than 2 live weights left"):
        kept_at({"fc": torch.ones(1, 8)}, 0.5, "2:4", among)


def test_a_live_weight_of_score_minus_infinity_ranks_above_the_dead_ones():
    scores = {"fc": torch.tensor([[5.0, -math.inf, 1.0, 5.0]])}
    among = Masks({"fc": torch.tensor([[False, True, True, False]])})
    assert kept_at(scores, 0.5, "2:4", among) == among


def test_n_of_m_chooses_among_what_is_left():
    among = Masks({"fc": torch.tensor([[False, True, True, True]]), "odd": torch.tensor([[True, False, True]])})
    masks = kept_at({"fc": torch.tensor([[9.0, -1.0, -2.0, -3.0]]), "odd": torch.ones(1, 3)}, 0.5, "2:4", among)
    assert masks["fc"].tolist() == [[False, True, True, False]]
    assert masks["odd"].tolist() == [[True, False, True]]


@pytest.mark.parametrize("pattern", ["global", "layer", "2:4"])
def test_channels_last_scores_give_the_same_masks(pattern):
    plain = {"conv": torch.randint(-2, 3, (4, 8, 3, 3), generator=torch.Generator().manual_seed(0)).float()}
    last = {name: score.to(memory_format=torch.channels_last) for name, score in plain.items()}
    among = kept_at(plain, 0.75, pattern)
    assert not last["conv"].is_contiguous()
    assert kept_at(last, 0.5, pattern) == kept_at(plain, 0.5, pattern)
    assert digest(kept_at(last, 0.5, pattern, among)) == digest(kept_at(plain, 0.5, pattern, among))


# --- layer budgets ----------------------------------------------------------------------------------------------------


@quick
@given(scores_of(), st.data())
def test_keep_each_keeps_what_every_tensor_is_given(scores, data):
    counts = {name: data.draw(st.integers(0, score.numel())) for name, score in scores.items()}
    masks = keep_each(scores, counts)
    assert masks.counts == counts
    for name, score in scores.items():
        assert flattened(Masks({name: masks[name]})) == sorted_reference({name: score}, counts[name])


def test_keep_each_chooses_among_what_is_left():
    scores = {"a": torch.tensor([[5.0, 4.0, 3.0]]), "b": torch.tensor([[1.0, 1.0]])}
    among = Masks({"a": torch.tensor([[False, True, True]]), "b": torch.tensor([[True, False]])})
    masks = keep_each(scores, {"a": 1, "b": 0}, among)
    assert masks["a"].tolist() == [[False, True, False]]
    assert masks["b"].tolist() == [[False, False]]
    with pytest.raises(ValueError, match="3 weights were asked, only 2 are left"):
        keep_each(scores, {"a": 3, "b": 0}, among)


def test_keep_each_cannot_keep_more_than_there_are():
    with pytest.raises(ValueError, match="3 weights were asked, only 2 are left to choose from"):
        keep_each({"a": torch.zeros(1, 2)}, {"a": 3})


def test_keep_each_refuses_nan():
    with pytest.raises(ValueError, match="the scores of 'a' hold NaN"):
        keep_each({"a": torch.tensor([[math.nan, 1.0]])}, {"a": 1})


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["global", "layer", "fan-in", "2:4", "1:1", "1:16", "4:8"])
def test_a_pattern_is_found_by_its_own_name(name):
    assert pattern_named(name).name == name
    assert pattern_named(pattern_named(name).name) == pattern_named(name)


@pytest.mark.parametrize("name", ["", "Global", "channel", "2:", ":4", "0:4", "5:4", "2:4:8", "-1:4", "2:4 ", "2.0:4"])
def test_a_name_that_no_pattern_has_is_an_error_that_lists_them(name):
    there = "there are global, layer.* N:M with 0 < N <= M, such as 2:4"
    with pytest.raises(ValueError, match=rf"^no pattern named '{re.escape(name)}'; {there}"):
        pattern_named(name)


# --- what the audit asks of a pattern ---------------------------------------------------------------------------------


def keeping(*counts: int, size: int = 8) -> Masks:
    """One row of `size` weights for every count, the first ones of it kept."""
    return Masks({f"fc{i}": (torch.arange(size) < count).view(1, size) for i, count in enumerate(counts, start=1)})


@pytest.mark.parametrize(
    ("pattern", "masks", "breach"),
    [
        ("global", keeping(6, 2), None),
        ("global", keeping(6, 3), "9 of 16 weights are kept, 8 were asked (density 0.5)"),
        ("global", keeping(6, 1), "7 of 16 weights are kept, 8 were asked (density 0.5)"),
        ("layer", keeping(4, 4), None),
        ("layer", keeping(4, 3), "'fc2' keeps 3 of 8 weights, 4 were asked"),
        ("layer", keeping(6, 2), "'fc1' keeps 6 of 8 weights, 4 were asked"),
        ("2:4", keeping(2, 2, size=4), None),
        ("2:4", keeping(2, 3, size=4), "'fc2' does not keep 2 of every 4 weights along its input channels"),
        ("2:4", keeping(2, 1, size=4), "'fc2' does not keep 2 of every 4 weights along its input channels"),
        ("2:4", keeping(4, size=8), "'fc1' does not keep 2 of every 4 weights along its input channels"),
        ("2:4", keeping(6, size=6), None),
        (
            "2:4",
            keeping(3, size=6),
            "'fc1' cannot follow 2:4 and should be dense: 6 input channels are not a multiple of 4",
        ),
    ],
)
def test_breach_says_what_is_wrong_with_masks(pattern, masks, breach):
    assert pattern_named(pattern).breach(masks, 0.5) == breach


def test_n_of_m_along_the_kernel_is_not_n_of_m_along_the_channels():
    """SR-STE groups a convolution in its own layout; sparse tensor cores want groups of input channels."""
    along_channels = Masks({"conv": (torch.arange(4) < 2).view(1, 4, 1, 1).expand(2, 4, 2, 2)})
    along_kernel = Masks({"conv": (torch.arange(4) < 2).view(1, 1, 2, 2).expand(2, 4, 2, 2)})
    assert NofM(2, 4).breach(along_channels, 0.5) is None
    assert NofM(2, 4).breach(along_kernel, 0.5) == "'conv' does not keep 2 of every 4 weights along its input channels"
