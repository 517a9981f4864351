"""GReg: how the penalty grows, what it does in a step, and what is pruned."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.greg import greg, grown

from benchmark import keep_top
from tests.support.notebook import RECIPE, Notebook, after, written

PLAIN = replace(RECIPE, momentum=0.0, weight_decay=0.0)


def test_the_penalty_grows_in_steps_to_its_limit():
    assert [grown(step, 8, 2, 4.0) for step in range(10)] == [1, 1, 2, 2, 3, 3, 4, 4, 4, 4]
    assert grown(0, 0.0, 10, 1.0) == 1.0


@pytest.mark.runs
def test_weights_that_go_get_the_penalty_and_others_do_not():
    run = written(greg, Notebook(0.25, recipe=PLAIN), interval=4, limit=2.0, settle=0.0, finetune=0.0)
    masks = run.masks
    assert masks == keep_top({n: w.abs() for n, w in run.pauses[0].weights.items()}, run.target)
    for pause in run.pauses:
        for name, mask in masks.items():
            added = pause.edited[name] - pause.gradients[name]
            assert not added[mask].any()
            strength = 2.0 * (pause.index // 4 + 1) * 4 / 12
            expected = strength * pause.weights[name][~mask]
            torch.testing.assert_close(added[~mask], expected, atol=1e-6, rtol=1e-4)


@pytest.mark.runs
def test_greg_2_presses_all_weights_and_then_chooses_those_that_go():
    run = written(greg, Notebook(0.25, recipe=PLAIN), interval=2, limit=2.0, separate=0.5, settle=0.0, finetune=0.0)
    assert len(run.pauses) == 12
    masks = run.masks
    assert masks == keep_top({n: w.abs() for n, w in run.pauses[5].weights.items()}, run.target)
    for pause in run.pauses:
        for name, mask in masks.items():
            added, weights = pause.edited[name] - pause.gradients[name], pause.weights[name]
            if pause.index < 6:
                expected = 0.02 * (pause.index // 2 + 1) * 2 / 6 * weights
            else:
                pressed = 0.02 + 1.98 * ((pause.index - 6) // 2 + 1) * 2 / 6
                expected = torch.where(mask, -2e-4 * weights, pressed * weights)
            torch.testing.assert_close(added, expected, atol=1e-6, rtol=1e-4)


def test_shares_of_one_training_are_not_above_one():
    with pytest.raises(ValueError, match=r"shares of one training, and 0.7 \+ 0.4 is above 1"):
        written(greg, Notebook(0.25, recipe=PLAIN), separate=0.7, settle=0.4)


@pytest.mark.runs
def test_what_goes_is_small_when_it_is_pruned():
    run = written(greg, Notebook(0.25, recipe=replace(PLAIN, steps=200)), limit=1.0, finetune=0.0)
    first, last = run.pauses[0].weights, run.changes[-1].weights
    gone = [name for name in run.masks if not run.masks[name].all()]
    before = sum(float(first[name][~run.masks[name]].abs().sum()) for name in gone)
    then = sum(float(last[name][~run.masks[name]].abs().sum()) for name in gone)
    assert then < before / 5


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5), ("channels", 0.5)])
def test_every_pattern_is_kept(pattern, density):
    run = after(greg, density, pattern)
    assert run.target.pattern.breach(run.masks, density) is None
