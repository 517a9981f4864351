"""FORCE and iterative SNIP: the same schedule, and only one of them lets weights come back."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from benchmark.algorithms.force import force
from benchmark.algorithms.snip import snip
from torch import Tensor

from benchmark import Masks, keep_top
from benchmark.scores import sensitivity
from tests.support.notebook import RECIPE, Notebook, after, same, state, written

ONLY_SCORE = replace(RECIPE, steps=0)
GEOMETRIC = [327, 278, 237, 202, 172, 146, 124, 106, 90, 77]
"""round(384 * 0.2^(t / 10)) for t = 1 ... 10."""


def masks_of(run: Notebook) -> list[Masks]:
    return [change.after for change in run.changes]


def came_back(run: Notebook) -> int:
    """Positions that were kept, then pruned, then kept again."""
    rounds = masks_of(run)
    gone = rounds[0] & ~rounds[0]
    back = gone
    for before, later in pairwise([Masks.ones(run.weights), *rounds]):
        gone = gone | (before & ~later)
        back = back | (gone & later)
    return back.kept


@pytest.mark.runs
@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5)])
def test_force_in_one_round_is_snip(pattern, density, batches):
    one, other = (after(method, density, pattern, batches=batches, rounds=1, norms="batch") for method in (force, snip))
    assert one.masks == other.masks
    assert same(state(one), state(other))


@pytest.mark.parametrize("method", [force, snip])
def test_densities_fall_along_the_geometric_schedule_and_end_at_the_target(method):
    run = written(method, Notebook(0.2, recipe=ONLY_SCORE), rounds=10)
    assert [masks.kept for masks in masks_of(run)] == GEOMETRIC
    assert all(later < before for before, later in pairwise(GEOMETRIC))
    assert run.masks.kept == round(0.2 * 384) == 77


def test_in_force_weights_come_back():
    run = written(force, Notebook(0.05, recipe=ONLY_SCORE), rounds=10)
    assert came_back(run) > 0
    assert run.masks.kept == 19


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("density", [0.2, 0.02])
def test_in_iterative_snip_none_ever_does(density, seed):
    run = written(snip, Notebook(density, recipe=ONLY_SCORE, seed=seed), rounds=10)
    assert came_back(run) == 0
    for before, later in pairwise(masks_of(run)):
        assert later & before == later


def test_ten_rounds_are_not_one():
    one, ten = (written(force, Notebook(0.05, recipe=ONLY_SCORE), rounds=rounds) for rounds in (1, 10))
    assert one.masks != ten.masks


def gradients_at(run: Notebook, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of the next scoring batch, with these weights in place of the run's own."""
    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    (batch,) = run.batches(1)
    return dict(zip(leaves, torch.autograd.grad(run.loss(batch, leaves), list(leaves.values())), strict=True))


def test_a_round_scores_every_initial_weight_by_the_gradient_of_the_sparsified_network():
    """Equation by hand: |W * dL/dW at W * m|, over all positions, those out of the mask too."""
    run, twin = written(force, Notebook(0.05, recipe=ONLY_SCORE), rounds=5), Notebook(0.05)
    weights, masks = twin.weights, Masks.ones(twin.weights)
    for done, found in enumerate(masks_of(run), start=1):
        gradients = gradients_at(twin, {name: weight * masks[name] for name, weight in weights.items()})
        masks = keep_top(sensitivity(weights, gradients), twin.target.at_progress(done / 5))
        assert found == masks


def test_a_round_of_iterative_snip_scores_what_is_left():
    run, twin = written(snip, Notebook(0.05, recipe=ONLY_SCORE), rounds=5, norms="batch"), Notebook(0.05)
    weights, masks = twin.weights, Masks.ones(twin.weights)
    for done, found in enumerate(masks_of(run), start=1):
        left = {name: weight * masks[name] for name, weight in weights.items()}
        masks = keep_top(sensitivity(left, gradients_at(twin, left)), twin.target.at_progress(done / 5), among=masks)
        assert found == masks


@pytest.mark.runs
@pytest.mark.parametrize("method", [force, snip])
def test_training_starts_from_the_initial_values_bit_for_bit(method):
    run, fresh = after(method, 0.05, rounds=10), Notebook()
    initial = fresh.weights
    (start,) = run.trainings
    for name, weight in start.items():
        assert torch.equal(weight, initial[name] * run.masks[name])
        assert (weight[run.masks[name]] != 0).all()
    fresh.prune(run.masks)
    fresh.train()
    assert same(state(run), state(fresh))


@pytest.mark.parametrize("method", [force, snip])
def test_scoring_leaves_biases_and_batch_norm_as_they_are(method):
    run, fresh = written(method, Notebook(recipe=ONLY_SCORE), rounds=4), state(Notebook())
    others = [name for name in fresh if name not in run.masks]
    assert len(others) > 5
    assert all(torch.equal(state(run)[name], fresh[name]) for name in others)


@pytest.mark.parametrize("method", [force, snip])
def test_every_batch_is_on_the_bill_and_the_later_ones_are_cheaper(method):
    run = written(method, Notebook(0.05, recipe=ONLY_SCORE), rounds=4, batches=3)
    assert run._state.meter.scoring_passes == 12
    dense = Notebook()
    dense.gradients(1)
    assert run._state.meter.scoring_flops < 12 * dense._state.meter.scoring_flops


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("layer", 0.2), ("2:4", 0.5), ("1:4", 0.25)])
def test_every_pattern_is_kept(pattern, density):
    run = after(force, density, pattern, rounds=4)
    assert run.target.pattern.breach(run.masks, density) is None
