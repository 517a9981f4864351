"""Continuous sparsification: soft masks on paper, how they harden, and what is trained in the end."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.continuous_sparsification import continuous_sparsification, harden, slope, softly

from benchmark import Masks, Target, keep_top
from tests.support.notebook import RECIPE, SIZES, Notebook, after, same, smooth, spying, written

LONG = replace(RECIPE, steps=40)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


# --- on four numbers --------------------------------------------------------------------------------------------------


def test_soft_masks_start_at_one_and_harden_to_a_step():
    weights, gates = {"fc": torch.tensor([2.0, -4.0, 1.0, 3.0])}, {"fc": torch.tensor([0.0, 0.5, -0.5, 0.0])}
    assert softly(weights, {"fc": torch.full((4,), -0.1)}, 1.0, -0.1)["fc"].tolist() == pytest.approx([2, -4, 1, 3])
    assert softly(weights, gates, 200.0, 0.0)["fc"].tolist() == pytest.approx([2, -8, 0, 3], abs=1e-6)


def test_the_penalty_is_the_gradient_of_the_sum_of_masks():
    gate = torch.tensor([0.0, 0.5, -0.5, 0.2], dtype=torch.float64, requires_grad=True)
    total = 0.25 * softly({"fc": torch.ones(4)}, {"fc": gate}, 3.0, -0.1)["fc"].sum()
    (expected,) = torch.autograd.grad(total, gate)
    torch.testing.assert_close(slope({"fc": gate}, 3.0, -0.1, 0.25)["fc"], expected)


def test_between_rounds_what_was_dropped_is_far_away():
    gate = torch.tensor([0.5, -0.5, 0.0, -0.01], requires_grad=True)
    harden({"fc": gate}, 200.0, 0.0)
    assert gate.tolist() == pytest.approx([0.0, -100.0, 0.0, -2.0])


# --- trainings --------------------------------------------------------------------------------------------------------


@pytest.mark.runs
def test_the_network_computes_with_soft_masks_that_harden():
    seen: list[dict[str, torch.Tensor]] = []
    run = Notebook(0.2, recipe=LONG, task=spying(smooth, seen))
    start = run.weights
    seen.clear()
    written(continuous_sparsification, run, rounds=1, rewind=0.0)
    assert len(seen) == 80
    assert same(seen[0], start)
    assert all(not forward[name].eq(0).any() for forward in seen[:20] for name in SIZES)
    assert same(seen[40], {name: weight * run.masks[name] for name, weight in start.items()})


@pytest.mark.runs
@pytest.mark.parametrize(("rounds", "rewind"), [(1, 0.0), (2, 0.25)])
def test_the_last_training_is_of_the_early_weights_under_the_mask(rounds, rewind):
    run = written(continuous_sparsification, Notebook(0.2, recipe=LONG), rounds=rounds, rewind=rewind)
    begun = run.trainings[-1]
    assert all(not begun[name][~mask].any() for name, mask in run.masks.items())
    if rewind == 0:
        initial = Notebook().weights
        assert same(begun, {name: initial[name] * run.masks[name] for name in SIZES})
    assert run._state.meter.updates == rounds * 40 + 40 - round(rewind * 40)
    assert run.masks.kept == 77


@pytest.mark.runs
def test_the_scores_that_decide_are_not_those_of_the_start():
    """A random mask agrees by chance with another one in the share that is kept."""
    first, other = (written(continuous_sparsification, Notebook(0.2, recipe=LONG, seed=s), rounds=1) for s in (0, 1))
    assert first.masks != other.masks
    assert first.masks == written(continuous_sparsification, Notebook(0.2, recipe=LONG), rounds=1).masks


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("layer", 0.2), ("2:4", 0.5), ("channels", 0.5), ("fan-in", 0.3)])
def test_every_pattern_is_kept(pattern, density):
    run = after(continuous_sparsification, density, pattern, rounds=1)
    assert run.target.pattern.breach(run.masks, density) is None


@pytest.mark.runs
def test_a_heavy_penalty_lowers_the_scores(monkeypatch):
    ranked: list[float] = []

    def keep(scores: dict[str, torch.Tensor], target: Target) -> Masks:
        ranked.append(sum(float(score.detach().sum()) for score in scores.values()))
        return keep_top(scores, target)

    monkeypatch.setattr("benchmark.algorithms.continuous_sparsification.keep_top", keep)
    for penalty in (0.0, 1e-3, 1e-1):
        after(continuous_sparsification, rounds=1, penalty=penalty)
    assert ranked[0] > ranked[1] > ranked[2]
