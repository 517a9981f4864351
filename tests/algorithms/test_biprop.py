"""Biprop: weights of two values per layer, and scores that decide which of them are used."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.biprop import binary, biprop, straight_through
from torch import Tensor

from benchmark import Masks, keep_each
from benchmark.pruning.layer_densities import weights_per_layer
from tests.support.notebook import RECIPE, SIZES, Notebook, Watching, after, same, smooth, spying, state, written

pytestmark = pytest.mark.runs

FAN_IN = {"0.weight": 6, "4.weight": 16, "6.weight": 16}
WEIGHTS = torch.tensor([1.0, -2.0, 0.5, 3.0])
KEPT = torch.tensor([True, True, False, True])
SLOPES = torch.tensor([10.0, 20.0, 30.0, -40.0])
"""dL / dw_eff, for a loss that is linear in the effective weights."""


def scaled() -> dict[str, Tensor]:
    """The weights of the draw, at Kaiming's deviation."""
    return {name: w * math.sqrt(2 / FAN_IN[name]) / w.std() for name, w in Notebook().weights.items()}


# --- on paper ---------------------------------------------------------------------------------------------------------


def test_alpha_is_the_mean_size_of_what_is_kept():
    """(1 + 2 + 3) / 3 = 2."""
    assert binary({"fc": WEIGHTS}, Masks({"fc": KEPT}))["fc"].tolist() == [2.0, -2.0, 0.0, 2.0]


def test_every_layer_has_an_alpha_of_its_own():
    masks = Masks({"a": KEPT, "b": ~KEPT})
    found = binary({"a": WEIGHTS, "b": WEIGHTS}, masks)
    assert found["a"].abs().max() == 2.0
    assert found["b"].tolist() == [0.0, 0.0, 0.5, 0.0]


def test_a_layer_of_which_nothing_is_kept_is_zero():
    assert not binary({"fc": WEIGHTS}, Masks({"fc": torch.zeros(4, dtype=torch.bool)}))["fc"].any()


def test_no_other_size_is_nearer():
    draw = torch.Generator().manual_seed(0)
    weights, kept = torch.randn(100, generator=draw), torch.rand(100, generator=draw) > 0.7
    used = binary({"fc": weights}, Masks({"fc": kept}))["fc"]
    distances = [float((weights * kept - share * used).square().sum()) for share in (0.99, 1.0, 1.01)]
    assert distances[1] == min(distances)


def test_straight_through_on_paper():
    """dL/d|s| = |w| sign(w) dL/dw_eff, whether it is used or not."""
    scores = torch.tensor([0.75, 0.25, 0.1, 0.5], requires_grad=True)
    used = straight_through({"fc": WEIGHTS}, Masks({"fc": KEPT}), {"fc": scores})["fc"]
    assert used.tolist() == [2.0, -2.0, 0.0, 2.0]
    (gradient,) = torch.autograd.grad((used * SLOPES).sum(), scores)
    assert gradient.tolist() == [10.0, -40.0, 15.0, -120.0]


# --- in a run ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_the_weights_are_two_values_per_layer_and_the_signs_of_the_draw(density):
    run, drawn = after(biprop, density), scaled()
    for name, weight in run.weights.items():
        kept = run.masks[name]
        alpha = drawn[name][kept].abs().mean()
        assert torch.equal(weight != 0, kept)
        assert weight[kept].abs().unique().tolist() == pytest.approx([float(alpha)])
        assert torch.equal(weight.sign(), drawn[name].sign() * kept)


def test_every_forward_computes_with_the_binary_weights_of_the_largest_scores():
    seen: list[dict[str, Tensor]] = []
    run = Watching(0.3, task=spying(smooth, seen))
    seen.clear()
    written(biprop, run)
    assert len(seen) == len(run.scores) == RECIPE.steps
    masks = [keep_each({n: s.abs() for n, s in scores.items()}, run.masks.counts) for scores in run.scores]
    for used, mask in zip(seen, masks, strict=True):
        expected = binary(scaled(), mask)
        assert all(torch.allclose(used[name], expected[name], rtol=1e-6, atol=0) for name in SIZES)
    assert masks[0] != masks[-1]


def test_what_is_left_is_what_the_next_forward_would_have_used():
    run = after(biprop, 0.3)
    final = keep_each({name: score.detach().abs() for name, score in run.learned.items()}, run.masks.counts)
    assert run.masks == final
    assert all(torch.allclose(run.weights[n], w, rtol=1e-6, atol=0) for n, w in binary(scaled(), final).items())


@pytest.mark.parametrize("density", [0.1, 0.33, 0.5])
def test_the_exact_share_of_every_layer_is_used(density):
    run = after(biprop, density)
    assert run.masks.counts == weights_per_layer("uniform", {name: w.shape for name, w in run.weights.items()}, density)
    assert run.masks.kept == round(384 * density)


@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5), ("1:4", 0.25)])
def test_every_pattern_is_kept(pattern, density):
    run = after(biprop, density, pattern)
    assert run.target.pattern.breach(run.masks, density) is None


def test_a_score_that_is_not_used_has_a_gradient():
    run = written(biprop, Watching(0.5))
    for pause, scores in list(zip(run.pauses, run.scores, strict=True))[:5]:
        used = keep_each({name: score.abs() for name, score in scores.items()}, run.masks.counts)
        for name, mask in used.items():
            assert (pause.gradients[name][~mask] != 0).double().mean() > 0.3


def test_all_else_is_left_as_drawn_whatever_the_decay_of_the_scores():
    run, fresh = after(biprop, weight_decay=1.0), state(Notebook())
    learned = [name for name, _ in run._state.model.named_parameters() if name not in SIZES]
    assert all(torch.equal(state(run)[name], fresh[name]) for name in learned)
    assert run.trainings == []
    assert run._state.tamper_check.breaches == []


def test_a_search_finds_better_subnetworks():
    run = written(biprop, Notebook(0.5, recipe=replace(RECIPE, steps=120)), rate=1.0)
    losses = [pause.loss for pause in run.pauses]
    assert sum(losses[-20:]) < 0.8 * sum(losses[:20])


def test_a_search_is_a_training_on_the_bill_and_follows_the_seed():
    first, again, other = (written(biprop, Notebook(seed=seed)) for seed in (1, 1, 2))
    assert first._state.meter.counts(RECIPE.steps)["trainings"] == 1
    assert same(first.weights, again.weights)
    assert first.masks != other.masks
