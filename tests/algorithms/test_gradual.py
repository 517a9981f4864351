"""GMP and GraNet: a cubic in whole weights, nested masks, and regeneration that moves weights but makes none."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from benchmark.algorithms.gmp import gmp
from benchmark.algorithms.granet import granet
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark import Masks, Target, keep_top
from benchmark.plugins import catalog, registry
from benchmark.pruning.layer_densities import weights_per_layer
from benchmark.pruning.pattern_names import pattern_named
from benchmark.schedules import cosine, cubic, due, window
from tests.support.masks import digest
from tests.support.notebook import RECIPE, SIZES, Change, Notebook, after, same, state, written

pytestmark = pytest.mark.runs

PATTERNS = pytest.mark.parametrize(("pattern", "density"), [("layer", 0.2), ("2:4", 0.5), ("1:4", 0.25)])
BOTH = pytest.mark.parametrize("method", [gmp, granet])


def prunings(run: Notebook) -> list[Change]:
    """The changes that leave fewer weights."""
    return [change for change in run.changes if change.after.kept < change.before.kept]


def regenerations(run: Notebook) -> list[Change]:
    """The changes that leave as many weights."""
    return [change for change in run.changes if change.after.kept == change.before.kept]


# --- schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("progress", "sparsity"), [(0, 0.5), (0.5, 0.85), (0.75, 0.89375), (1, 0.9)])
def test_the_cubic_on_paper(progress, sparsity):
    assert cubic(0.5, 0.9, progress) == pytest.approx(sparsity)
    assert cubic(1 - 0.5, 1 - 0.9, progress) == pytest.approx(1 - sparsity)


@pytest.mark.parametrize(
    ("progress", "share"), [(0, 0.5), (1 / 3, 0.37625), (0.5, 0.2525), (2 / 3, 0.12875), (1, 0.005)]
)
def test_the_cosine_on_paper(progress, share):
    assert cosine(0.5, 0.005, progress) == pytest.approx(share)


def test_updates_are_due_every_interval_after_the_first_step_and_on_the_last():
    assert [step for step in range(20) if due(step, 2, 9, 3)] == [5, 8, 9]
    assert [step for step in range(20) if due(step, 0, 9, 3)] == [3, 6, 9]
    assert [step for step in range(20) if due(step, 2, 9, 100)] == [9]


# --- GMP --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"interval": 2}, {2: 168, 4: 88, 6: 77}),
        ({"interval": 4}, {4: 88, 6: 77}),
        ({"interval": 3, "end": 1.0}, {3: 195, 6: 106, 9: 79, 11: 77}),
        ({"interval": 2, "begin": 0.25, "end": 0.75}, {5: 143, 7: 79, 8: 77}),
    ],
)
def test_the_density_of_every_update_on_paper(options, expected):
    """Of 384 weights to 20 %: 384 (0.2 + 0.8 (1 - progress)^3), to the nearest whole weight."""
    assert {change.step: change.after.kept for change in after(gmp, 0.2, **options).changes} == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"interval": 2}, {0: 192, 2: 111, 4: 81, 6: 77}),
        ({"interval": 2, "begin": 0.25, "end": 0.75}, {3: 192, 5: 102, 7: 78, 8: 77}),
    ],
)
def test_gmp_from_half_sparse_on_paper(options, expected):
    """384 (0.2 + 0.3 (1 - progress)^3): half of the weights where the window begins."""
    assert {change.step: change.after.kept for change in after(gmp, 0.2, initial=0.5, **options).changes} == expected


def test_an_interval_longer_than_the_window_is_one_shot():
    run = after(gmp, 0.2, interval=1000)
    (change,) = run.changes
    assert change.step == 6
    assert change.after == keep_top({name: w.abs() for name, w in change.weights.items()}, Target(0.2))


def test_the_smallest_of_what_is_left_go_first():
    for change in after(gmp, 0.2, interval=2).changes:
        removed = torch.cat([change.weights[name][change.before[name] & ~change.after[name]] for name in SIZES])
        stay = torch.cat([change.weights[name][change.after[name]] for name in SIZES])
        assert len(removed) > 0
        assert removed.abs().max() <= stay.abs().min()


def test_the_masks_are_nested():
    changes = after(gmp, 0.05, interval=1, end=1.0).changes
    assert len(changes) == 11
    for change in changes:
        assert change.after & change.before == change.after
    for earlier, later in pairwise(changes):
        assert earlier.after == later.before


def test_between_updates_and_after_the_end_the_network_trains():
    run = after(gmp, 0.2, interval=2)
    assert run.clock == run._state.meter.updates == RECIPE.steps
    assert not any(pause.skipped or pause.looked for pause in run.pauses)
    for earlier, later in pairwise(run.pauses):
        assert not same(earlier.weights, later.weights)


# --- both -------------------------------------------------------------------------------------------------------------

WINDOWS = st.tuples(st.integers(3, 14), st.floats(0, 1), st.floats(0, 1)).filter(
    lambda window: round(window[1] * window[0]) < round(window[2] * (window[0] - 1))
)


@settings(max_examples=25)
@given(WINDOWS, st.integers(1, 20), st.floats(0.01, 1), st.sampled_from(["global", "layer"]))
def test_the_target_is_met_exactly_whatever_the_rhythm(window, interval, density, pattern):
    steps, begin, end = window
    for method in (gmp, granet):
        run = Notebook(density, pattern, replace(RECIPE, steps=steps))
        written(method, run, begin=begin, end=end, interval=interval)
        assert run.target.pattern.breach(run.masks, run.target.density) is None
        assert all(round(begin * steps) < change.step for change in run.changes)
        assert prunings(run) == [] or prunings(run)[-1].step <= round(end * (steps - 1))


@BOTH
@pytest.mark.parametrize(("steps", "begin", "end"), [(12, 0.5, 0.5), (12, 0.0, 0.0), (12, 1.0, 1.0), (2, 0.0, 0.5)])
def test_a_window_without_length_is_one_shot_too(method, steps, begin, end):
    run = Notebook(0.2, recipe=replace(RECIPE, steps=steps))
    written(method, run, begin=begin, end=end)
    assert run.masks.kept == 77


@BOTH
def test_a_window_that_ends_before_it_begins_is_an_error_that_says_so(method):
    run = Notebook(0.2)
    with pytest.raises(ValueError, match=r"end.*begin"):
        method(run, begin=0.8, end=0.5)


@BOTH
def test_in_every_recipe_the_default_window_ends_at_a_tenth_of_the_peak_rate_at_least(method):
    """And the rate is never 0: what is left after the last pruning still learns."""
    end = method.options["end"].default
    assert end <= 0.75
    for name in [name for name, plugin in catalog.plugins("task").items() if plugin.distribution == catalog.BUILT_IN]:
        task = registry.task(name)
        for recipe in [
            recipe for recipes in (task.recipes, *task.model_recipes.values()) for recipe in recipes.values()
        ]:
            _, last = window(0.0, end, recipe.steps)
            assert recipe.rate_at(last) / recipe.rate > 0.1 - 1e-12, (name, recipe)
            assert recipe.rate_at(recipe.steps - 1) > 0, (name, recipe)


@PATTERNS
@BOTH
def test_every_pattern_is_kept(method, pattern, density):
    run = after(method, density, pattern, interval=2)
    assert run.target.pattern.breach(run.masks, density) is None
    assert len(prunings(run)) > 0


# --- GraNet -----------------------------------------------------------------------------------------------------------


def test_granet_follows_the_cubic_too_and_regenerates_to_the_end():
    run = after(granet, 0.2, interval=2)
    assert {change.step: change.after.kept for change in prunings(run)} == {2: 168, 4: 88, 6: 77}
    assert [change.step for change in regenerations(run)] == [2, 4, 6, 8, 10]


def test_granet_from_half_sparse_on_paper():
    """384 (0.2 + 0.3 (1 - progress)^3) from 192 random weights."""
    run = after(granet, 0.2, interval=2, initial=0.5)
    start, *later = [change for change in run.changes if change.after.kept != change.before.kept]
    assert (start.step, start.after.kept) == (0, 192)
    assert {change.step: change.after.kept for change in later} == {2: 111, 4: 81, 6: 77}


def regenerated(change: Change, share: float) -> tuple[Masks, Masks]:
    """What stays, and what is live after that, in every layer, by sorting: drop ceil(share * n), grow as many."""
    stay, live = {}, {}
    for name, mask in change.before.items():
        size, slope = change.weights[name].abs().flatten(), change.gradients[name].abs().flatten()
        inside = mask.flatten().nonzero().squeeze(1)
        count = math.ceil(share * len(inside))
        best = inside[size[inside].argsort(descending=True, stable=True)][: len(inside) - count]
        stays = torch.zeros(mask.numel(), dtype=torch.bool).index_fill(0, best, True)
        free = (~stays).nonzero().squeeze(1)
        grown = free[slope[free].argsort(descending=True, stable=True)][:count]
        stay[name], live[name] = stays.view(mask.shape), stays.index_fill(0, grown, True).view(mask.shape)
    return Masks(stay), Masks(live)


@pytest.mark.parametrize("initial", [0.0, 0.5])
def test_each_layer_drops_its_smallest_and_grows_as_many_where_the_gradient_is_largest(initial):
    run = after(granet, 0.2, interval=2, initial=initial)
    assert len(regenerations(run)) == 5
    for change in regenerations(run):
        share = 0.005 + 0.495 * (1 + math.cos(math.pi * change.step / RECIPE.steps)) / 2
        stay, live = regenerated(change, share)
        assert change.after == live
        assert stay & change.after == stay
        for name, count in change.before.counts.items():
            assert change.after.counts[name] == count
            assert (change.after & ~stay).counts[name] == (change.before & ~stay).counts[name]
            assert (change.before & ~stay).counts[name] == math.ceil(share * count)


def test_what_grows_from_nothing_starts_at_zero_without_memory():
    run = after(granet, 0.2, interval=2)
    grown = Masks.ones(run.weights) & ~Masks.ones(run.weights)
    for change in regenerations(run):
        new = change.after & ~change.before
        assert all(not change.weights_after[name][new[name]].any() for name in SIZES)
        assert all(not change.memory_after[name][:, new[name]].any() for name in SIZES)
        grown = grown | new
    assert grown.kept > 20


def test_what_is_dropped_and_grown_at_once_keeps_its_value_and_its_memory():
    run = after(granet, 0.2, interval=2)
    returned = 0
    for change in regenerations(run):
        share = cosine(0.5, 0.005, change.step / RECIPE.steps)
        back = change.before & ~regenerated(change, share)[0] & change.after
        for name, mask in back.items():
            assert torch.equal(change.weights_after[name][mask], change.weights[name][mask])
            assert torch.equal(change.memory_after[name][:, mask], change.memory[name][:, mask])
            returned += int((change.weights[name][mask] != 0).sum())
    assert returned > 10


def test_without_regeneration_granet_is_gmp_bit_for_bit():
    plain, bare = after(gmp, 0.1, interval=3), after(granet, 0.1, interval=3, fraction=0.0)
    assert [digest(change.after) for change in plain.changes] == [digest(change.after) for change in bare.changes]
    assert same(state(plain), state(bare))
    assert plain._state.meter.training_flops == bare._state.meter.training_flops


def test_regeneration_pays_for_dense_gradients_only_where_it_looks_at_them():
    run = after(granet, 0.2, interval=3)
    assert [pause.index for pause in run.pauses if pause.looked] == [3, 6, 9]
    assert not any(pause.skipped for pause in run.pauses)


def start_of(run: Notebook) -> Masks:
    first = run.changes[0]
    assert first.step == 0
    return first.after


@pytest.mark.parametrize("initial", [0.3, 0.5, 0.7])
def test_a_sparse_start_has_the_exact_counts_of_erk(initial):
    shapes = {name: weight.shape for name, weight in Notebook().weights.items()}
    start = start_of(after(granet, 0.2, initial=initial, interval=2))
    assert start.counts == weights_per_layer("erk", shapes, 1 - initial)
    assert start.kept == round(384 * (1 - initial))


def test_a_sparse_start_is_drawn_by_the_seed():
    first, again, other = (
        start_of(written(granet, Notebook(0.2, seed=seed), initial=0.5, interval=4)) for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.9])
def test_starting_at_the_target_is_training_with_a_constant_number_of_weights(sparsity):
    """As in dynamic sparse training: every layer keeps its count, and the masks still move."""
    run = after(granet, 1 - sparsity, initial=sparsity, interval=2)
    counts = start_of(run).counts
    assert sum(counts.values()) == round(384 * (1 - sparsity))
    assert all(change.after.counts == counts for change in run.changes)
    assert run.masks != start_of(run)


@pytest.mark.parametrize("target", [0.2, 0.1])
def test_starting_at_the_target_however_it_is_rounded(target):
    """1 - 0.8 is 0.19999999999999996, which is below 0.2."""
    run = Notebook(target)
    granet(run, initial=round(1 - target, 6), interval=4)
    assert run.masks.kept == round(384 * target)


@BOTH
def test_starting_sparser_than_the_target_is_an_error_before_training(method):
    run = Notebook(0.2)
    with pytest.raises(ValueError, match="is above the target's") as error:
        method(run, initial=0.9)
    assert str(error.value) == "initial sparsity 0.9 is above the target's 0.8"
    assert (run.clock, run.changes) == (0, [])


@PATTERNS
def test_regeneration_keeps_to_the_pattern(pattern, density):
    run = after(granet, density, pattern, interval=2)
    assert len(regenerations(run)) > 0
    moved = 0
    for change in regenerations(run):
        kept = change.before.counts["4.weight"] / SIZES["4.weight"]
        assert pattern_named(pattern).breach(change.after, kept) is None
        assert change.after.counts == change.before.counts
        moved += (change.after & ~change.before).kept
    assert moved > 0


@PATTERNS
def test_a_sparse_start_keeps_to_the_pattern(pattern, density):
    initial = 0.25 if pattern == "2:4" else 0.5
    run = after(granet, density, pattern, initial=initial, interval=2)
    assert pattern_named(pattern).breach(start_of(run), 1 - initial) is None
    assert run.target.pattern.breach(run.masks, density) is None


def test_the_gradient_that_grows_is_dense():
    """It reaches pruned positions: a masked one would never grow anything new."""
    for change in regenerations(after(granet, 0.2, interval=2)):
        outside: Tensor = change.gradients["4.weight"][~change.before["4.weight"]]
        assert outside.abs().max() > 0
