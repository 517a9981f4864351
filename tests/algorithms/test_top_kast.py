"""Top-KAST: what the forward pass uses, what the backward pass updates, and what stays where it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.top_kast import hold, pull, top_kast

from benchmark import Masks, keep_top
from tests.support.notebook import RECIPE, SIZES, Notebook, Watching, after, same, smooth, spying, state, written

PLAIN = replace(RECIPE, momentum=0.0, weight_decay=0.0)
NEVER_DIES = replace(RECIPE, optimizer="adam")


def sets(run: Watching, step: int, backward: float) -> tuple[Masks, Masks]:
    """A and B of a step: the largest weights, and some more."""
    sizes = {name: run.scores[step][name].abs() for name in SIZES}
    larger = run.target.with_density(max(run.target.density, 1 - backward))
    return keep_top(sizes, run.target), keep_top(sizes, larger)


# --- on four numbers --------------------------------------------------------------------------------------------------


def test_the_pull_is_stronger_on_what_is_not_used():
    used = torch.tensor([True, False, True, False])
    assert pull(torch.tensor([4.0, 1.0, -2.0, -0.5]), used, 0.25).tolist() == [4.0, 4.0, -2.0, -2.0]


def test_what_is_in_neither_set_is_put_back():
    moved = {"fc": torch.tensor([1.5, 2.5, 3.5, 4.5], requires_grad=True)}
    held = {"fc": torch.tensor([1.0, 2.0, 3.0, 4.0])}
    hold(moved, held, Masks({"fc": torch.tensor([True, False, True, False])}))
    assert moved["fc"].tolist() == [1.5, 2.0, 3.5, 4.0]


# --- every step -------------------------------------------------------------------------------------------------------


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("1:4", 0.25)])
def test_the_forward_pass_uses_the_largest_weights(pattern, density):
    seen: list[dict[str, torch.Tensor]] = []
    run = Watching(density, pattern, task=spying(smooth, seen))
    seen.clear()
    written(top_kast, run)
    assert len(seen) == RECIPE.steps
    for step, used in enumerate(seen):
        forward, _ = sets(run, step, 0.5)
        assert same(used, {name: run.scores[step][name] * forward[name] for name in SIZES})
    assert run.target.pattern.breach(run.masks, density) is None


@pytest.mark.runs
@pytest.mark.parametrize("recipe", [RECIPE, NEVER_DIES], ids=["momentum and decay", "adam"])
def test_what_is_outside_the_larger_set_keeps_its_value_to_the_bit(recipe):
    run = written(top_kast, Watching(0.2, recipe=recipe), backward=0.5)
    still = 0
    for step in range(RECIPE.steps - 1):
        _, backward = sets(run, step, 0.5)
        for name, mask in backward.items():
            before, now = run.scores[step][name], run.scores[step + 1][name]
            assert torch.equal(before[~mask], now[~mask])
            assert (before[mask] != now[mask]).double().mean() > 0.9
            still += int((~mask).sum())
    assert still == (RECIPE.steps - 1) * 192


@pytest.mark.runs
@pytest.mark.parametrize("penalty", [0.0, 0.25])
def test_a_step_on_paper(penalty):
    """w falls by rate (g + penalty w) in A, and by rate (g + penalty w / d) in B alone."""
    run = written(top_kast, Watching(0.2, recipe=PLAIN), backward=0.6, penalty=penalty)
    forward, backward = sets(run, 0, 0.6)
    for name in SIZES:
        before = run.scores[0][name]
        slope = run.pauses[0].gradients[name] + penalty * torch.where(forward[name], before, before / 0.2)
        expected = torch.where(backward[name], before - PLAIN.rate * slope, before)
        torch.testing.assert_close(run.scores[1][name], expected)


@pytest.mark.runs
def test_sets_are_chosen_every_interval():
    seen: list[dict[str, torch.Tensor]] = []
    run = Watching(0.2, task=spying(smooth, seen))
    seen.clear()
    written(top_kast, run, interval=4)
    used = [Masks({name: weight != 0 for name, weight in forward.items()}) for forward in seen]
    assert [step for step in range(1, len(used)) if used[step] != used[step - 1]] == [4, 8]


@pytest.mark.runs
def test_a_target_denser_than_the_larger_set_updates_what_it_uses():
    run = written(top_kast, Watching(0.7), backward=0.5)
    forward, backward = sets(run, 3, 0.5)
    assert forward == backward


@pytest.mark.runs
def test_the_largest_stay_in_the_end_and_nothing_is_left_of_the_others():
    run = written(top_kast, Watching(0.2))
    learned = {name: value.detach() for name, value in run.learned.items() if name in SIZES}
    assert run.masks == keep_top({name: value.abs() for name, value in learned.items()}, run.target)
    assert same(run.weights, {name: value * run.masks[name] for name, value in learned.items()})


@pytest.mark.runs
def test_at_density_one_without_the_pull_it_is_dense_training_bit_for_bit():
    run, dense = after(top_kast, 1.0, penalty=0.0), Notebook(1.0)
    dense.train()
    assert same(state(run), state(dense))
