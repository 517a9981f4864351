"""MEST: what is dropped, how much moves when, and how many weights there are between two updates."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.mest import falling, importance, mest
from benchmark.algorithms.random import random

from benchmark import Inapplicable, Masks
from tests.support.notebook import RECIPE, Notebook, after, same, state, written

LONG = replace(RECIPE, steps=33)

# --- on paper ---------------------------------------------------------------------------------------------------------


def test_importance_on_four_numbers():
    weights, gradients = {"fc": torch.tensor([1.0, -2.0, 0.5, 0.0])}, {"fc": torch.tensor([0.0, 1.0, -4.0, 2.0])}
    assert importance(weights, gradients, 0.5)["fc"].tolist() == [1.0, 2.5, 2.5, 1.0]


@pytest.mark.parametrize(("epoch", "share"), [(0, 0.2), (89, 0.2), (90, 0.1), (119, 0.1), (120, 0.0), (160, 0.0)])
def test_mutation_falls_as_in_the_scripts_of_the_authors(epoch, share):
    assert falling(0.2, epoch / 120) == share


# --- every update -----------------------------------------------------------------------------------------------------


@pytest.mark.runs
def test_every_update_drops_the_least_important_and_grows_as_many():
    run = written(mest, Notebook(0.3, recipe=LONG), interval=4, mutation=0.5)
    moved = []
    for change in run.changes[1:]:
        share = falling(0.5, change.step / 24)
        for name, mask in change.before.items():
            count = int(mask.sum())
            assert int(change.after[name].sum()) == count
            order = change.weights[name].abs()[mask].sort(descending=True).values
            left = change.weights[name].abs()[mask & change.after[name]]
            assert torch.isin(order[: count - int(share * count)], left).all()
        moved.append((change.after & ~change.before).kept)
    assert [change.step for change in run.changes[1:]] == [4, 8, 12, 16, 20, 24]
    assert all(moved[:-1])
    assert moved[-1] == 0
    assert run.masks.kept == 115


@pytest.mark.runs
def test_with_gradients_the_steep_are_spared_and_only_then_are_they_counted():
    plain, steep = (written(mest, Notebook(0.3, recipe=LONG), interval=4, gradient=weight) for weight in (0.0, 10.0))
    assert not any(pause.looked for pause in plain.pauses)
    assert [pause.index for pause in steep.pauses if pause.looked] == [4, 8, 12, 16, 20, 24]
    (_, first, *_) = steep.changes
    size = importance(first.weights, first.gradients, 10.0)
    for name, mask in first.before.items():
        gone = mask & ~first.after[name]
        if gone.any() and (mask & first.after[name]).any():
            count = int(mask.sum())
            assert size[name][gone].max() <= size[name][mask].sort(descending=True).values[count - int(0.2 * count)]
    assert steep.masks != plain.masks


@pytest.mark.runs
def test_the_soft_bound_holds_more_between_updates_and_the_target_in_the_end():
    run = written(mest, Notebook(0.2, recipe=LONG), interval=4, mutation=0.5, soft=True)
    base = run.changes[0].after
    assert base.kept == 77
    kept = [change.after.kept for change in run.changes]
    expected = [sum(round(factor * count) for count in base.counts.values()) for factor in (1.0, 1.5, 1.25)]
    assert kept == [expected[0], *[expected[1]] * 5, *[expected[2]] * 1, expected[0]]
    assert run.masks.kept == 77
    assert run.masks.counts == base.counts
    assert run._state.ever_trained.share > 0.4


@pytest.mark.runs
def test_at_a_soft_bound_the_least_important_are_dropped_whether_old_or_new():
    run = written(mest, Notebook(0.2, recipe=LONG), interval=4, mutation=0.5, soft=True)
    base = run.changes[0].after.counts
    for change in run.changes[2:]:
        for name, mask in change.before.items():
            order = change.weights[name].abs()[mask].sort(descending=True).values
            assert torch.isin(order[: base[name]], change.weights[name].abs()[mask & change.after[name]]).all()


@pytest.mark.runs
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    ("pattern", "density"), [("layer", 0.2), ("1:4", 0.25), ("blocks:2x2", 0.2), ("channels", 0.3)]
)
def test_every_pattern_is_kept_in_the_end(pattern, density, soft):
    if soft and pattern == "1:4":
        with pytest.raises(Inapplicable, match="pattern 1:4 has no density a little above the target's"):
            after(mest, density, pattern, interval=2, soft=soft)
        return
    run = after(mest, density, pattern, interval=2, soft=soft, mutation=0.5)
    assert run.target.pattern.breach(run.masks, density) is None
    assert run._state.ever_trained.share is not None


@pytest.mark.runs
def test_without_mutation_it_is_static_sparse_training():
    static = after(random, distribution="erk")
    for soft in (False, True):
        run = after(mest, interval=2, mutation=0.0, soft=soft)
        assert run.masks == static.masks
        assert same(state(run), state(static))


@pytest.mark.runs
@pytest.mark.parametrize("soft", [False, True])
def test_at_density_one_it_is_dense_training_bit_for_bit(soft):
    run, dense = after(mest, 1.0, interval=2, soft=soft), Notebook(1.0)
    dense.train()
    assert same(state(run), state(dense))
    assert run.masks == Masks.ones(run.weights)
