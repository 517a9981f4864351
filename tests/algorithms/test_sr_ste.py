"""SR-STE: dense weights trained through a mask that moves, and the decay of what it hides."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms._masked import straight_through
from benchmark.algorithms.sr_ste import sr_ste
from torch import Tensor

from benchmark import Masks, Target, keep_top
from benchmark.pruning.pattern_names import pattern_named
from tests.support.notebook import RECIPE, SIZES, Notebook, Watching, after, same, smooth, spying, state, written

pytestmark = pytest.mark.runs

WEIGHTS = torch.tensor([1.0, -2.0, 0.5, 3.0])
KEPT = torch.tensor([False, True, False, True])
SLOPES = torch.tensor([10.0, 20.0, 30.0, -40.0])
"""dL / dw_eff, for a loss that is linear in the effective weights."""


class Masked(Watching):
    """Tells the mask of every forward."""

    def kept(self, step: int) -> Masks:
        return keep_top({name: self.scores[step][name].abs() for name in SIZES}, self.target)


def watched(pattern: str = "2:4", density: float = 0.5, **options: object) -> Masked:
    return written(sr_ste, Masked(density, pattern), **options)


# --- on paper ---------------------------------------------------------------------------------------------------------


def test_straight_through_on_paper():
    """The forward is w m; the gradient of w is that of w m, also where m is 0."""
    weights = WEIGHTS.clone().requires_grad_()
    used = straight_through({"fc": weights}, Masks({"fc": KEPT}))["fc"]
    assert used.tolist() == [0.0, -2.0, 0.0, 3.0]
    (gradient,) = torch.autograd.grad((used * SLOPES).sum(), weights)
    assert torch.equal(gradient, SLOPES)


def test_what_no_mask_is_for_passes_as_it_is():
    bias = torch.ones(3, requires_grad=True)
    assert straight_through({"bias": bias, "fc": WEIGHTS}, Masks({"fc": KEPT}))["bias"] is bias


def test_the_forward_is_the_kept_weights_bit_for_bit():
    draw = torch.Generator().manual_seed(0)
    weights, kept = torch.randn(1000, generator=draw), torch.rand(1000, generator=draw) > 0.5
    assert torch.equal(straight_through({"fc": weights}, Masks({"fc": kept}))["fc"], weights * kept)


# --- the decay --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.0, 2e-4, 0.25])
def test_the_decay_of_what_is_masked_and_of_nothing_else_reaches_the_gradient(decay):
    """lambda (1 - m) w, with the mask of this very forward."""
    run = watched(decay=decay)
    assert len(run.pauses) == RECIPE.steps
    for index, pause in enumerate(run.pauses):
        for name, mask in run.kept(index).items():
            weight = run.scores[index][name]
            torch.testing.assert_close(pause.edited[name], pause.gradients[name] + decay * ~mask * weight)
            assert torch.equal(pause.edited[name][mask], pause.gradients[name][mask])


def test_a_step_on_paper():
    """Without momentum w falls by rate (g + weight decay w + lambda (1 - m) w)."""
    run = written(sr_ste, Masked(0.5, "2:4", replace(RECIPE, momentum=0.0)), decay=0.25)
    before, now = run.scores[:2]
    for name, mask in run.kept(0).items():
        slope = run.pauses[0].gradients[name] + RECIPE.weight_decay * before[name] + 0.25 * ~mask * before[name]
        torch.testing.assert_close(now[name], before[name] - RECIPE.rate * slope)


def test_more_decay_leaves_less_behind_the_mask():
    def hidden(decay: float) -> float:
        run = watched(decay=decay)
        return sum(float(run.learned[name].detach()[~mask].abs().sum()) for name, mask in run.masks.items())

    assert hidden(0.5) < 0.7 * hidden(0.0)


# --- the mask ---------------------------------------------------------------------------------------------------------


def test_in_every_forward_two_of_four_are_used():
    seen: list[dict[str, Tensor]] = []
    run = Masked(0.5, "2:4", task=spying(smooth, seen))
    seen.clear()
    written(sr_ste, run)
    assert len(seen) == RECIPE.steps
    for index, used in enumerate(seen):
        assert bool((used["4.weight"].view(-1, 4).count_nonzero(dim=1) == 2).all())
        assert bool((used["6.weight"].view(-1, 4).count_nonzero(dim=1) == 2).all())
        kept = run.kept(index)
        assert same(used, {name: run.scores[index][name] * kept[name] for name in used})
    assert run.kept(0) != run.masks


def test_in_every_group_the_largest_stay_in_the_end():
    run = watched()
    groups = run.weights["4.weight"].view(-1, 4)
    lived = run.learned["4.weight"].detach().view(-1, 4)
    assert torch.equal(groups.abs().sum(dim=1), lived.abs().topk(2, dim=1).values.sum(dim=1))


@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5), ("1:4", 0.25)])
def test_every_pattern_is_kept_with_real_zeros(pattern, density):
    run = watched(pattern, density)
    assert pattern_named(pattern).breach(run.masks, density) is None
    assert same(run.weights, {name: run.learned[name].detach() * mask for name, mask in run.masks.items()})
    assert run._state.tamper_check.breaches == []


def test_what_is_masked_lives_on_and_comes_back_as_what_it_has_become():
    run = watched("global", 0.2, decay=0.0)
    back = 0
    for index in range(1, RECIPE.steps):
        for name, mask in run.kept(index).items():
            risen = mask & ~run.kept(index - 1)[name]
            back += int(risen.sum())
            assert (run.scores[index][name][risen] != 0).all()
    assert back > 10


def test_the_mask_is_ranked_through_the_target():
    run = Notebook(0.2)
    inversion = run._state.invert_rankings()
    written(sr_ste, run)
    assert inversion.used


# --- the rest of the network ------------------------------------------------------------------------------------------


def test_at_density_one_it_is_dense_training_bit_for_bit():
    """Dropout, the order of the data, norms, biases and running means as well."""
    run, dense = after(sr_ste, 1.0), Notebook(1.0)
    dense.train()
    assert same(state(run), state(dense))


def test_biases_and_norms_learn_too():
    run, fresh = after(sr_ste), state(Notebook())
    others = [name for name in fresh if name not in SIZES]
    assert len(others) > 5
    assert not any(torch.equal(state(run)[name], fresh[name]) for name in others)


def test_it_is_one_training_on_the_bill_and_follows_the_seed():
    first, again, other = (written(sr_ste, Notebook(seed=seed)) for seed in (1, 1, 2))
    assert first._state.meter.counts(RECIPE.steps)["trainings"] == 1
    assert same(first.weights, again.weights)
    assert first.masks != other.masks


def test_it_is_not_the_mask_of_the_start():
    run = after(sr_ste, 0.2)
    assert run.masks != keep_top({n: w.abs() for n, w in Notebook().weights.items()}, Target(0.2))
