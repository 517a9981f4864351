"""Movement pruning: what scores add up, which weights they keep, and when."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from benchmark.algorithms.movement import move, movement

from benchmark import Masks, keep_top
from benchmark.schedules import cubic
from tests.support.notebook import RECIPE, SIZES, Notebook, Watching, after, same, smooth, spying, state, written

PLAIN = replace(RECIPE, momentum=0.0, weight_decay=0.0)

# --- on four numbers --------------------------------------------------------------------------------------------------


def test_a_score_grows_where_the_weight_moves_away_from_zero():
    """By descent w falls by rate g: 2 - .1 * -3 and -1 - .1 * 4 move away from 0, the other two towards it."""
    score = torch.tensor([0.0, 1.0, 0.0, 1.0])
    move(score, torch.tensor([2.0, -1.0, 0.5, -2.0]), torch.tensor([-3.0, 4.0, 2.0, -1.0]), 0.1)
    torch.testing.assert_close(score, torch.tensor([0.6, 1.4, -0.1, 0.8]))


# --- every step -------------------------------------------------------------------------------------------------------


def watched(density: float = 0.2, pattern: str = "global", **options: object) -> tuple[Watching, list[Masks]]:
    """A run, and the masks of its second training: what the network computed with."""
    seen: list[dict[str, torch.Tensor]] = []
    run = Watching(density, pattern, PLAIN, task=spying(smooth, seen))
    seen.clear()
    written(movement, run, **options)
    used = seen[-RECIPE.steps :]
    return run, [Masks({name: weight != 0 for name, weight in forward.items()}) for forward in used]


@pytest.mark.runs
@pytest.mark.parametrize("pretrain", [0.0, 1.0])
def test_masks_are_those_of_the_largest_sum_of_movements(pretrain):
    """Added up here from the gradients of all pauses: S = - sum of rate w dL/dw'."""
    run, used = watched(pretrain=pretrain, begin=0.0, end=0.5)
    total = {name: torch.zeros(size, dtype=torch.float64) for name, size in SIZES.items()}
    for step, (pause, weights) in enumerate(zip(run.pauses, run.scores, strict=True)):
        if step:  # at first all scores are 0
            shapes = {name: total[name].view(weights[name].shape) for name in SIZES}
            assert used[step] == keep_top(shapes, run.target.with_density(used[step].density))
        for name in SIZES:
            total[name] -= (PLAIN.rate * weights[name] * pause.gradients[name]).flatten().double()
    assert run.masks == keep_top({name: total[name].view(run.masks[name].shape) for name in SIZES}, run.target)
    assert len(run.trainings) == 1


@pytest.mark.runs
def test_density_falls_along_the_cubic_and_stays():
    _, used = watched(begin=0.25, end=0.75)
    progress = [min(max((step - 3) / 5, 0), 1) for step in range(RECIPE.steps)]  # from step 3 to round(.75 * 11)
    assert [masks.kept for masks in used] == [round(384 * cubic(1.0, 0.2, share)) for share in progress]
    assert used[-1].kept == 77


@pytest.mark.runs
def test_masked_weights_get_no_gradient_and_may_come_back():
    run, used = watched(density=0.5, begin=0.0, end=0.1)
    for step, masks in enumerate(used[:-1]):
        for name, mask in masks.items():
            assert torch.equal(run.scores[step][name][~mask], run.scores[step + 1][name][~mask])
    returned = [(later & ~earlier).kept for earlier, later in pairwise(used[2:])]
    assert sum(returned) > 0


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5), ("channels", 0.5)])
def test_every_pattern_is_kept(pattern, density):
    run = after(movement, density, pattern)
    assert run.target.pattern.breach(run.masks, density) is None


@pytest.mark.runs
def test_it_trains_twice_and_says_so():
    assert after(movement)._state.meter.updates == 2 * RECIPE.steps
    assert after(movement, pretrain=0.0)._state.meter.updates == RECIPE.steps


@pytest.mark.runs
def test_at_density_one_it_is_dense_training_bit_for_bit():
    run, dense = after(movement, 1.0, pretrain=0.0), Notebook(1.0)
    dense.train()
    assert same(state(run), state(dense))
