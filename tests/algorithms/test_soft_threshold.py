"""STR: the threshold on four numbers, what is trained, and the search for the asked number of weights."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from benchmark.algorithms._descent import Descent, learned
from benchmark.algorithms.soft_threshold import search, shrunk, soft_threshold, trained

from benchmark import Inapplicable, keep_top
from tests.support.notebook import RECIPE, SIZES, Notebook, after, same, state, written

LONG = replace(RECIPE, steps=60)
PLAIN = replace(RECIPE, momentum=0.0, weight_decay=0.0)

# --- on four numbers --------------------------------------------------------------------------------------------------


def test_weights_shrink_by_the_threshold_and_small_ones_are_zero():
    """sigmoid(0) = 0.5. The gradient of s is -0.25 sign(w) of what survives."""
    weight, s = torch.tensor([2.0, -0.25, 0.5, -1.5], requires_grad=True), torch.zeros(1, requires_grad=True)
    used = shrunk({"fc": weight}, {"fc": s})["fc"]
    assert used.tolist() == [1.5, 0.0, 0.0, -1.0]
    by_weight, by_s = torch.autograd.grad((used * torch.tensor([1.0, 10.0, 10.0, 3.0])).sum(), [weight, s])
    assert by_weight.tolist() == [1.0, 0.0, 0.0, 3.0]
    assert by_s.tolist() == [-0.25 * 1 + 0.25 * 3]


def test_descent_is_torchs_sgd():
    own, other = torch.tensor([1.0, -2.0]), torch.tensor([1.0, -2.0], requires_grad=True)
    mine = learned({"s": own})
    descent, theirs = Descent(mine, 0.9, 0.1), torch.optim.SGD([other], lr=0.3, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        for value in (mine["s"], other):
            (value**3).sum().backward()
        descent.step(0.3)
        theirs.step()
        theirs.zero_grad()
    torch.testing.assert_close(mine["s"].detach(), other.detach())
    assert own.tolist() == [1.0, -2.0]
    assert mine["s"].grad is None


# --- one training -----------------------------------------------------------------------------------------------------


@pytest.mark.runs
def test_a_step_on_paper():
    """w falls by rate dL/dw' where it survives, and s by rate (decay s - sigmoid'(s) sum of sign(w) dL/dw')."""
    run, twin = Notebook(recipe=replace(PLAIN, steps=1)), Notebook(recipe=replace(PLAIN, steps=1))
    start, decay, rate = -2.0, 0.3, PLAIN.rate
    scores, end = trained(run, start, decay)
    level = torch.sigmoid(torch.tensor(start))
    weights = {name: w.clone().requires_grad_() for name, w in twin.weights.items()}
    used = {name: w.sign() * (w.abs() - level).clamp_min(0) for name, w in weights.items()}
    with twin.learning(twin.parameters, lambda values: {**values, **used}):
        for _ in twin.steps():
            pass
    for name, w in weights.items():
        slope = w.grad  # through the same formula, so that it is 0 for what does not survive
        moved = w.detach() - rate * slope
        s = start - rate * (decay * start - level * (1 - level) * float((w.detach().sign() * slope).sum()))
        torch.testing.assert_close(scores[name], moved.abs() - torch.sigmoid(torch.as_tensor(s)))
        torch.testing.assert_close(end.state[name], moved.sign() * torch.relu(scores[name]))


@pytest.mark.runs
def test_more_decay_leaves_fewer_weights():
    kept = []
    for decay in (1e-3, 3e-2, 0.1):
        scores, _ = trained(Notebook(recipe=LONG), -10.0, decay)
        kept.append(sum(int((score > 0).sum()) for score in scores.values()))
    assert kept[0] > kept[1] > kept[2]


# --- the search -------------------------------------------------------------------------------------------------------


@pytest.mark.runs
@pytest.mark.parametrize("density", [0.5, 0.2])
def test_the_search_comes_near_and_ends_there(density):
    run = Notebook(density, recipe=LONG)
    asked = density * 384
    far = [distance for distance, _, _ in search(run, asked, 8, -10.0)]
    assert far[-1] <= math.log(1 / 0.95) + 1e-9
    assert all(distance > math.log(1.05) - 1e-9 for distance in far[:-1])
    assert run._state.meter.training_steps == len(far) * LONG.steps


@pytest.mark.runs
@pytest.mark.parametrize("trials", [1, 4])
def test_the_best_try_is_kept_and_the_count_is_exact(trials):
    run, twin = written(soft_threshold, Notebook(0.2, recipe=LONG), trials=trials), Notebook(0.2, recipe=LONG)
    _, scores, end = min(search(twin, 0.2 * 384, trials, -10.0), key=lambda trial: trial[0])
    assert run.masks == keep_top(scores, run.target)
    assert run.masks.kept == 77
    assert same(run.weights, {name: end.state[name] * run.masks[name] for name in SIZES})
    assert run._state.meter.training_steps <= trials * LONG.steps


@pytest.mark.parametrize(("pattern", "density"), [("layer", 0.2), ("2:4", 0.5), ("channels", 0.5)])
def test_a_pattern_that_sets_the_layer_densities_is_refused(pattern, density):
    with pytest.raises(Inapplicable, match=r"learns the layer densities, which pattern .* sets"):
        soft_threshold(Notebook(density, pattern))


@pytest.mark.runs
def test_at_density_one_it_is_dense_training():
    run, dense = after(soft_threshold, 1.0), Notebook(1.0)
    dense.train()
    assert same(state(run), state(dense))
