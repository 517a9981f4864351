"""Sparse momentum: how many weights each layer grows, and where."""

from __future__ import annotations

import math

import pytest
import torch
from benchmark.algorithms.sparse_momentum import quotas, redistributed, sparse_momentum
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from benchmark import Masks, Target
from benchmark.schedules import cosine
from tests.support.notebook import RECIPE, Change, Notebook, after, same, state

# --- shares -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("worth", "room", "expected"),
    [
        ([1.0, 3.0], [9, 9], [2, 6]),
        ([1.0, 3.0], [9, 4], [4, 4]),
        ([1.0, 1.0], [9, 9], [4, 4]),
        ([0.0, 1.0], [9, 5], [3, 5]),
        ([0.0, 0.0], [9, 9], [4, 4]),
        ([8.0, 1.0, 1.0], [2, 9, 3], [2, 3, 3]),
    ],
    ids=["in proportion", "the surplus goes on", "equal", "to what has no momentum", "no momentum at all", "three"],
)
def test_shares_on_paper(worth, room, expected):
    names = [str(place) for place in range(len(worth))]
    found = quotas(8, dict(zip(names, worth, strict=True)), dict(zip(names, room, strict=True)))
    assert list(found.values()) == expected


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 50)), min_size=1, max_size=6), st.data())
def test_shares_are_exact_and_fit(layers, data):
    room = {str(place): size for place, (_, size) in enumerate(layers)}
    worth = {str(place): value for place, (value, _) in enumerate(layers)}
    total = data.draw(st.integers(0, sum(room.values())))
    found = quotas(total, worth, room)
    assert sum(found.values()) == total
    assert all(0 <= found[name] <= room[name] for name in room)


# --- drop and grow on eight numbers -----------------------------------------------------------------------------------


def test_the_layer_with_more_momentum_takes_weights_of_the_other():
    """Each drops its smaller weight; of the two that are free, a's momentum of 3 against 1 takes 1.5, rounded to 2."""
    masks = Masks({"a": torch.tensor([[True, True, False, False]]), "b": torch.tensor([[True, True, False, False]])})
    drop = {"a": torch.tensor([[4.0, 1.0, 0.0, 0.0]]), "b": torch.tensor([[2.0, 3.0, 0.0, 0.0]])}
    speed = {"a": torch.tensor([[3.0, 3.0, 5.0, 9.0]]), "b": torch.tensor([[1.0, 1.0, 8.0, 7.0]])}
    found = redistributed(masks, drop, speed, 0.5, Target(0.5))
    assert found["a"].tolist() == [[True, False, True, True]]
    assert found["b"].tolist() == [[False, True, False, False]]


# --- every update -----------------------------------------------------------------------------------------------------


def momentum(run: Notebook, step: int) -> dict[str, torch.Tensor]:
    """sum of 0.9^(t - s) g_s, from the gradients of the pauses."""
    return {
        name: sum(0.9 ** (step - pause.index) * pause.gradients[name] for pause in run.pauses[: step + 1])
        for name in run.masks
    }


def expected(change: Change, speed: dict[str, torch.Tensor], share: float) -> dict[str, torch.Tensor]:
    """The update by sorting: layers drop floor(share n), and grow min(room, c mean), with the c that adds up to it."""
    dropped = {name: math.floor(share * count) for name, count in change.before.counts.items()}
    mean = {name: float(speed[name][mask].abs().mean()) for name, mask in change.before.items()}
    free = {name: mask.numel() - int(mask.sum()) + dropped[name] for name, mask in change.before.items()}
    parts = dict.fromkeys(mean, 0.0)
    if total := sum(dropped.values()):
        scale = brentq(lambda c: sum(min(free[name], c * mean[name]) for name in mean) - total, 0, 1e9, xtol=1e-12)
        parts = {name: min(free[name], scale * mean[name]) for name in mean}
    grown = {name: math.floor(part) for name, part in parts.items()}
    for name in sorted(parts, key=lambda name: grown[name] - parts[name])[
        : sum(dropped.values()) - sum(grown.values())
    ]:
        grown[name] += 1
    found = {}
    for name, mask in change.before.items():
        order = change.weights[name].abs().masked_fill(~mask, -1).flatten().argsort(descending=True, stable=True)
        stay = torch.zeros(mask.numel(), dtype=torch.bool).index_fill(0, order[: int(mask.sum()) - dropped[name]], True)
        best = speed[name].abs().flatten().masked_fill(stay, -1).argsort(descending=True, stable=True)
        found[name] = stay.index_fill(0, best[: grown[name]], True).view(mask.shape)
    return found


@pytest.mark.runs
@pytest.mark.parametrize("distribution", ["auto", "uniform"])
def test_every_update_drops_and_grows_as_the_paper_says(distribution):
    run = after(sparse_momentum, 0.3, interval=3, distribution=distribution)
    _, *updates = run.changes
    assert [change.step for change in updates] == [3, 6, 9]
    for change in updates:
        share = cosine(0.5, 0.0, change.step / RECIPE.steps)
        assert change.after == Masks(expected(change, momentum(run, change.step), share))
        assert change.after.kept == 115
    assert updates[-1].after.counts != run.changes[0].after.counts


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("layer", 0.2), ("2:4", 0.5), ("blocks:2x2", 0.2), ("channels", 0.3)])
def test_every_pattern_is_kept_at_every_update(pattern, density):
    run = after(sparse_momentum, density, pattern, interval=2)
    assert all(run.target.pattern.breach(change.after, density) is None for change in run.changes)
    moved = sum((change.after & ~change.before).kept for change in run.changes)
    assert moved > 0 or pattern == "channels"  # all weights of a dead channel have the gradient 0


@pytest.mark.runs
def test_it_looks_at_dense_gradients_in_every_step():
    assert all(pause.looked for pause in after(sparse_momentum, interval=5).pauses)


@pytest.mark.runs
def test_at_density_one_it_is_dense_training_bit_for_bit():
    run, dense = after(sparse_momentum, 1.0, interval=2), Notebook(1.0)
    dense.train()
    assert same(state(run), state(dense))
