"""Movement pruning: what scores add up, which weights they keep, and when."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from benchmark.algorithms._descent import Adam
from benchmark.algorithms.movement import above, move, movement, over, penalised

from benchmark import Masks, Target, keep_top
from benchmark.schedules import cubic
from tests.support.notebook import RECIPE, SIZES, Notebook, Watching, after, same, smooth, spying, state, written

PLAIN = replace(RECIPE, momentum=0.0, weight_decay=0.0)

# --- on four numbers --------------------------------------------------------------------------------------------------


def test_a_score_grows_where_the_weight_moves_away_from_zero():
    """By descent w falls by rate g: 2 - .1 * -3 and -1 - .1 * 4 move away from 0, the other two towards it."""
    score = torch.tensor([0.0, 1.0, 0.0, 1.0])
    move(score, torch.tensor([2.0, -1.0, 0.5, -2.0]), torch.tensor([-3.0, 4.0, 2.0, -1.0]), 0.1)
    torch.testing.assert_close(score, torch.tensor([0.6, 1.4, -0.1, 0.8]))


def test_the_penalty_draws_scores_down_most_in_the_middle():
    """w g, and 8 sigmoid'(S): sigmoid' is 1/4 at 0 and 3/16 at +-log 3."""
    scores = {"a": torch.tensor([0.0, 0.0, math.log(3), -math.log(3)])}
    weights, gradients = {"a": torch.tensor([2.0, -1.0, 0.5, -2.0])}, {"a": torch.tensor([-3.0, 4.0, 2.0, -1.0])}
    found = penalised(scores, weights, gradients, 8.0)["a"]
    torch.testing.assert_close(found, torch.tensor([-6.0 + 2, -4.0 + 2, 1.0 + 1.5, 2.0 + 1.5]))


def test_soft_masks_are_those_above_the_threshold_and_exact_in_the_end():
    """At half the way the threshold of sigmoid(S) is .1 (1 - 1/8) = .0875, which is S = -2.34."""
    scores = {"a": torch.tensor([-2.3, -2.4, 1.0, -9.0])}
    assert above(scores, Target(0.25), 0.5)["a"].tolist() == [True, False, True, False]
    assert above(scores, Target(0.25), 0.0)["a"].all()
    assert above(scores, Target(0.25), 1.0)["a"].tolist() == [False, False, True, False]
    assert above(scores, Target(0.75), 0.5)["a"].tolist() == [True, True, True, False]  # no fewer than are asked
    assert over(scores, 0.1)["a"].tolist() == [False, False, True, False]


def test_adam_is_torchs():
    own, other = torch.tensor([1.0, -2.0]), torch.tensor([1.0, -2.0], requires_grad=True)
    mine, theirs = Adam({"s": own}), torch.optim.Adam([other], lr=0.3)
    for _ in range(3):
        mine.step({"s": 3 * own**2}, 0.3)
        theirs.zero_grad()
        (other**3).sum().backward()
        theirs.step()
    torch.testing.assert_close(own, other.detach())


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
@pytest.mark.parametrize("pattern", ["global", "layer", "fan-in"])
def test_soft_ends_with_exactly_what_is_asked(pattern):
    run = after(movement, 0.2, pattern, soft=True, penalty=10.0)
    assert run.target.pattern.breach(run.masks, 0.2) is None
    assert run._state.log.noted["above_threshold"] == 1.0  # in twelve steps of .01 no S falls to -2.2


@pytest.mark.runs
def test_soft_masks_follow_adam_on_movement_and_penalty():
    """Computed here by torch's Adam from the gradients of all pauses, at a threshold that some S fall below."""
    steps, penalty = 300, 3.0
    run = Watching(0.2, recipe=replace(PLAIN, steps=steps))
    written(movement, run, soft=True, penalty=penalty, pretrain=0.0, begin=0.0, end=1.0)
    start = {name: torch.zeros(size, requires_grad=True) for name, size in SIZES.items()}
    descent = torch.optim.Adam(start.values(), lr=0.01)
    for index, (pause, weights) in enumerate(zip(run.pauses, run.scores, strict=True)):
        pull = penalty * cubic(0.0, 1.0, index / (steps - 1)) / 384
        for name, score in start.items():
            soft = torch.sigmoid(score.detach())
            score.grad = (weights[name] * pause.gradients[name]).flatten() + pull * soft * (1 - soft)
        descent.step()
    left = sum(int((torch.sigmoid(score) > 0.1).sum()) for score in start.values()) / 384
    assert 0 < left < 1
    assert run._state.log.noted["above_threshold"] == pytest.approx(left, abs=0.02)
    ours = torch.cat([mask.flatten() for mask in run.masks.values()])
    best = torch.cat([score.detach() for score in start.values()]).argsort(descending=True)[:77]
    assert int(ours[best].sum()) >= 75


@pytest.mark.slow
def test_a_strong_penalty_leaves_fewer_above_the_threshold():
    left = [
        written(movement, Notebook(0.2, recipe=replace(PLAIN, steps=400)), soft=True, penalty=penalty, pretrain=0.0)
        for penalty in (0.0, 10.0, 1000.0)
    ]
    shares = [run._state.log.noted["above_threshold"] for run in left]
    assert shares[0] > shares[1] > shares[2]


@pytest.mark.runs
def test_it_trains_twice_and_says_so():
    assert after(movement)._state.meter.updates == 2 * RECIPE.steps
    assert after(movement, pretrain=0.0)._state.meter.updates == RECIPE.steps


@pytest.mark.runs
def test_at_density_one_it_is_dense_training_bit_for_bit():
    run, dense = after(movement, 1.0, pretrain=0.0), Notebook(1.0)
    dense.train()
    assert same(state(run), state(dense))
