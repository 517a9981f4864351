"""Early-bird tickets: when masks agree, and what is trained after that."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.early_bird import difference, early_bird, settled
from benchmark.algorithms.magnitude import magnitude

from benchmark import Inapplicable, Masks, keep_top, keep_units, norm_scales
from benchmark.contract.toy import toy
from tests.support.notebook import RECIPE, Notebook, after, same, state, written


def ten(*kept: int) -> Masks:
    return Masks({"fc": torch.zeros(1, 10, dtype=torch.bool).index_fill(1, torch.tensor(kept), True)})


def test_the_difference_is_a_share_of_what_is_kept():
    assert difference(ten(0, 1, 2, 3), ten(0, 1, 2, 9)) == 0.25
    assert difference(ten(0, 1), ten(0, 1)) == 0


def test_at_half_density_it_is_the_hamming_distance_over_all():
    one, other = ten(0, 1, 2, 3, 4), ten(0, 1, 2, 3, 9)
    assert difference(one, other) == float((one["fc"] != other["fc"]).double().mean())


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ([ten(0, 1), ten(0, 1)], False),
        ([ten(0, 1), ten(0, 1), ten(0, 1)], True),
        ([ten(0, 2), ten(0, 1), ten(0, 1)], False),
        ([ten(0, 1), ten(0, 2), ten(0, 1)], False),
    ],
    ids=["too few", "equal", "the oldest differs", "the one before differs"],
)
def test_all_masks_of_the_window_have_to_agree_with_the_newest(masks, expected):
    assert settled(deque(masks, maxlen=3), 3, 0.49) is expected


def test_a_mask_at_the_largest_distance_agrees():
    """As in GATECH-EIC/Early-Bird-Tickets@4a16ae0, main.py, where a distance above it does not."""
    masks = deque([ten(0, 1, 2, 3), ten(0, 1, 2, 9)], maxlen=2)
    assert settled(masks, 2, 0.25)
    assert not settled(masks, 2, 0.24)


@pytest.mark.runs
def test_it_prunes_at_the_first_look_where_the_masks_agree():
    """The masks of plain training, looked at every step, say when."""
    recipe = replace(RECIPE, steps=40, rate=0.6)
    dense, looks = Notebook(0.5, recipe=recipe), []
    for _ in range(20):
        dense.train(1)
        looks.append(keep_top({name: w.abs() for name, w in dense.weights.items()}, dense.target))
    run = written(early_bird, Notebook(0.5, recipe=recipe), interval=1, window=3, distance=0.09)
    far = [[difference(looks[now - back], looks[now]) for back in (1, 2)] for now in range(2, 20)]
    expected = next(now for now, pair in enumerate(far, start=2) if max(pair) <= 0.09)
    (change,) = run.changes
    assert 3 < change.step == expected + 1 < 20
    assert change.after == looks[expected]
    assert run.clock == 40


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5), ("channels", 0.5)])
def test_at_the_latest_it_prunes_whatever_the_masks_do(pattern, density):
    run = after(early_bird, density, pattern, interval=2, distance=0.0, latest=0.5)
    assert [change.step for change in run.changes] == [6]
    assert run.target.pattern.breach(run.masks, density) is None
    assert run.clock == RECIPE.steps


@pytest.mark.runs
def test_a_ticket_may_be_trained_again_from_the_start():
    run, fresh = after(early_bird, interval=2, distance=0.0, then="rewind"), Notebook()
    fresh.prune(run.masks)
    fresh.train()
    assert same(state(run), state(fresh))
    assert run._state.meter.updates == RECIPE.steps * 3 // 2


@pytest.mark.runs
def test_at_no_time_is_magnitude_at_initialisation():
    one, other = after(early_bird, latest=0.0), after(magnitude, when="init")
    assert same(state(one), state(other))


@pytest.mark.runs
def test_at_density_one_it_is_dense_training_bit_for_bit():
    run, dense = after(early_bird, 1.0, interval=1), Notebook(1.0)
    dense.train()
    assert same(state(run), state(dense))


@pytest.mark.runs
def test_channels_may_rank_by_the_scales_of_their_norm_layers():
    task = replace(toy, models={"net": toy.models["residual"]})
    run, twin = (Notebook(0.5, "channels", RECIPE, task=task) for _ in range(2))
    written(early_bird, run, score="norm", latest=0.5, distance=0.0)
    twin.train(6)
    (change,) = run.changes
    assert change.after == keep_units(norm_scales(twin.parameters, twin.target), twin.target, twin.masks)
    assert change.after != keep_top({name: w.abs() for name, w in twin.weights.items()}, twin.target)


def test_other_patterns_have_no_scales():
    with pytest.raises(Inapplicable, match="pattern layer has no norm layers behind its units"):
        early_bird(Notebook(0.5, "layer"), score="norm", latest=0.0)
