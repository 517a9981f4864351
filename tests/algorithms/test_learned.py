"""Edge-popup and Gem-Miner: weights that never move, and scores that decide which of them are used."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from benchmark.algorithms._learned import search_recipe, signed_constant, straight_through
from benchmark.algorithms.biprop import spread
from benchmark.algorithms.edge_popup import edge_popup
from benchmark.algorithms.gem_miner import gem_miner
from torch import Tensor, nn

from benchmark import Masks, Splits, Target, Task, TensorData, keep_each, keep_top
from benchmark.contract.toy import toy
from benchmark.plugins import registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.pruning.layer_densities import weights_per_layer
from benchmark.pruning.ranking import noise
from tests.support.networks import any_network
from tests.support.notebook import (
    RECIPE,
    SIZES,
    Notebook,
    Tensors,
    Watching,
    after,
    same,
    smooth,
    spying,
    state,
    written,
)

pytestmark = pytest.mark.runs

BOTH = pytest.mark.parametrize("method", [edge_popup, gem_miner])
PATTERNS = pytest.mark.parametrize(
    ("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5), ("1:4", 0.25)]
)
FAN_IN = {"0.weight": 6, "4.weight": 16, "6.weight": 16}


def constants() -> dict[str, Tensor]:
    """sign(w) sqrt(2 / fan-in) of the network as drawn."""
    return {name: w.sign() * math.sqrt(2 / FAN_IN[name]) for name, w in Notebook().weights.items()}


def watched(method: Algorithm, density: float = 0.2, pattern: str = "global", **options: object) -> Watching:
    return written(method, Watching(density, pattern), **options)


# --- the weights ------------------------------------------------------------------------------------------------------


def test_the_signed_constant_has_two_values_per_layer_and_the_signs_of_the_draw():
    run, fresh = Notebook(), Notebook().weights
    signed_constant(run)
    for name, weight in run.weights.items():
        size = math.sqrt(2 / FAN_IN[name])
        assert weight.unique().tolist() == pytest.approx([-size, size])
        assert torch.equal(weight.sign(), fresh[name].sign())


def test_the_signed_constant_leaves_the_rest_of_the_network_as_it_is():
    run, fresh = Notebook(), state(Notebook())
    signed_constant(run)
    others = [name for name in fresh if name not in SIZES]
    assert len(others) > 5
    assert all(torch.equal(state(run)[name], fresh[name]) for name in others)
    assert run.clock == 0


def test_the_signed_constant_has_norms_that_do_not_scale():
    run = Notebook()
    start = run.snapshot()
    [scale] = [name for name, value in start.state.items() if name.endswith("weight") and value.dim() == 1]
    run.restore(replace(start, state={**start.state, scale: torch.full_like(start.state[scale], 0.3)}))
    signed_constant(run)
    assert bool((state(run)[scale] == 1).all())


def conv_task() -> Task:
    """Two convolutions, the second in groups, and a classifier."""

    def net() -> nn.Module:
        convs = [nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 8, 3, groups=2), nn.Tanh()]
        return nn.Sequential(*convs, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))

    draw = torch.Generator().manual_seed(0)
    data = TensorData(torch.randn(64, 3, 6, 6, generator=draw), torch.arange(64) % 2)
    return replace(toy, models={"net": net}, data=lambda folder: Splits(data, data, data))


def test_the_fan_in_of_a_convolution_counts_its_kernel_and_its_group():
    run = Notebook(task=conv_task())
    signed_constant(run)
    sizes = [float(weight.abs().max()) for weight in run.weights.values()]
    assert sizes == pytest.approx([math.sqrt(2 / 27), math.sqrt(2 / 36), math.sqrt(2 / 8)])


@BOTH
def test_the_weights_are_frozen_bit_for_bit_throughout_the_search(method):
    run = watched(method, rate=0.5)
    expected = constants()
    assert len(run.pauses) == RECIPE.steps
    for pause in run.pauses:
        for name, weight in pause.weights.items():
            assert torch.equal(weight[weight != 0], expected[name][weight != 0])
    frozen = run.pauses[0].weights
    assert same(frozen, expected)
    assert len({round(pause.loss, 6) for pause in run.pauses}) == len(run.pauses)


def test_in_edge_popup_they_are_frozen_to_the_end_whatever_the_decay_of_the_scores():
    run = after(edge_popup, weight_decay=1.0)
    assert same(run.weights, {name: weight * run.masks[name] for name, weight in constants().items()})
    assert run.trainings == []


def test_edge_popup_may_use_the_weights_as_drawn():
    run, fresh = after(edge_popup, constant=False), Notebook().weights
    assert same(run.weights, {name: weight * run.masks[name] for name, weight in fresh.items()})


@BOTH
def test_biases_and_norms_are_frozen_too_in_the_search(method):
    run = written(method, Notebook(recipe=replace(RECIPE, rate=0.0, weight_decay=0.0)), rate=0.5)
    fresh = state(Notebook())
    learned = [name for name, _ in run._state.model.named_parameters() if name not in SIZES]
    assert len(learned) == 5
    assert all(torch.equal(state(run)[name], fresh[name]) for name in learned)


# --- straight through -------------------------------------------------------------------------------------------------

WEIGHTS = torch.tensor([1.0, -2.0, 0.5, 3.0])
KEPT = torch.tensor([True, False, True, False])
SLOPES = torch.tensor([10.0, 20.0, 30.0, -40.0])
"""dL / dw_eff, for a loss that is linear in the effective weights."""


def test_straight_through_on_paper():
    scores = torch.tensor([0.75, 0.25, 1.0, 0.5], requires_grad=True)
    used = straight_through({"fc": WEIGHTS}, {"fc": KEPT}, {"fc": scores})["fc"]
    assert used.tolist() == [1.0, 0.0, 0.5, 0.0]
    (gradient,) = torch.autograd.grad((used * SLOPES).sum(), scores)
    assert gradient.tolist() == [10.0, -40.0, 15.0, -120.0]
    assert torch.equal(gradient, WEIGHTS * SLOPES)


def test_by_the_size_of_a_score_the_gradient_turns_with_its_sign():
    """Edge-popup ranks |s|: dL/ds = w dL/dw_eff sign(s)."""
    scores = torch.tensor([0.75, -0.25, -1.0, 0.5], requires_grad=True)
    used = straight_through({"fc": WEIGHTS}, {"fc": KEPT}, {"fc": scores.abs()})["fc"]
    (gradient,) = torch.autograd.grad((used * SLOPES).sum(), scores)
    assert gradient.tolist() == [10.0, 40.0, -15.0, -120.0]


def drawn(count: int) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    weights, scores = torch.randn(count, generator=draw), torch.rand(count, generator=draw)
    return weights, scores > 0.5, scores


def test_the_effective_weights_are_the_kept_weights_bit_for_bit():
    weights, kept, scores = drawn(1000)
    used = straight_through({"fc": weights}, {"fc": kept}, {"fc": scores})["fc"]
    assert torch.equal(used, weights * kept)


@BOTH
def test_a_masked_out_score_has_a_gradient(method):
    """So that what is not used now may be used later."""
    run = watched(method, 0.5)
    for pause, scores in list(zip(run.pauses, run.scores, strict=True))[:5]:
        used = {name: score > 0.5 for name, score in scores.items()}
        if method is edge_popup:
            used = dict(keep_each({name: score.abs() for name, score in scores.items()}, run.masks.counts))
        for name, mask in used.items():
            assert (~mask).sum() > 10
            assert (pause.gradients[name][~mask] != 0).double().mean() > 0.3


# --- edge-popup -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("density", [0.1, 0.33, 0.5])
def test_the_exact_share_of_every_layer_is_used(density):
    run = after(edge_popup, density)
    counts = run.masks.counts
    assert counts == weights_per_layer("uniform", {name: weight.shape for name, weight in run.weights.items()}, density)
    assert run.masks.kept == round(384 * density)
    assert all(abs(counts[name] - density * size) < 1 for name, size in SIZES.items())


def test_the_mask_is_that_of_the_largest_scores_at_the_end():
    run = watched(edge_popup, 0.3)
    final = {name: score.detach().abs() for name, score in run.learned.items()}
    assert run.masks == keep_each(final, run.masks.counts)


def test_every_forward_uses_the_share_of_each_layer_with_the_largest_scores():
    seen: list[dict[str, Tensor]] = []
    run = Watching(0.3, task=spying(smooth, seen))
    seen.clear()
    written(edge_popup, run)
    masks = [keep_each({n: s.abs() for n, s in scores.items()}, run.masks.counts) for scores in run.scores]
    assert len(seen) == len(masks) == RECIPE.steps
    for used, mask in zip(seen, masks, strict=True):
        assert Masks({name: weight != 0 for name, weight in used.items()}) == mask
    assert masks[0] != masks[-1]


def test_scores_start_as_kaiming_draws_them():
    """Uniform between -1 / sqrt(fan-in) and 1 / sqrt(fan-in)."""
    for name, score in watched(edge_popup).scores[0].items():
        bound = 1 / math.sqrt(FAN_IN[name])
        assert score.abs().max() <= bound
        assert score.abs().max() > 0.9 * bound
        assert score.mean() == pytest.approx(0, abs=0.3 * bound)


def test_at_density_one_the_network_is_the_dense_frozen_one():
    run, frozen = watched(edge_popup, 1.0), Notebook(1.0, recipe=replace(RECIPE, rate=0.0, weight_decay=0.0))
    signed_constant(frozen)
    losses = [float(step.loss) for step in frozen.steps()]
    assert [pause.loss for pause in run.pauses] == pytest.approx(losses, rel=1e-5)
    assert run.masks.density == 1.0
    assert same(run.weights, constants())


def test_a_search_finds_better_subnetworks():
    run = written(edge_popup, Notebook(0.5, recipe=replace(RECIPE, steps=120)), rate=1.0)
    losses = [pause.loss for pause in run.pauses]
    assert sum(losses[-20:]) < 0.8 * sum(losses[:20])


@pytest.mark.parametrize("method", [edge_popup, gem_miner])
def test_channels_last_is_the_same_network(method):
    """Where a copy is masked in place of a view, nothing is masked at all."""
    plain, other = (
        written(method, Notebook(0.25, task=conv_task(), memory=memory))
        for memory in (torch.contiguous_format, torch.channels_last)
    )
    assert not plain._state.model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert other._state.model[0].weight.is_contiguous(memory_format=torch.channels_last)
    for run in (plain, other):
        assert run.masks.kept == round(0.25 * run.masks.total)
        assert all(not weight[~run.masks[name]].any() for name, weight in run.weights.items())
    agreeing = sum(int((plain.masks[name] == other.masks[name]).sum()) for name in plain.masks)
    assert agreeing > 0.95 * plain.masks.total


def test_scores_are_learned_by_sgd_with_momentum_along_a_cosine():
    run = Notebook(recipe=replace(RECIPE, optimizer="adam", milestones=(3, 6), rate=0.7))
    found = search_recipe(run, 0.1, 1e-4)
    assert (found.optimizer, found.momentum, found.weight_decay) == ("sgd", 0.9, 1e-4)
    assert [found.rate_at(step) for step in (0, 6, 3, 9)] == pytest.approx([0.1, 0.05, 0.08536, 0.01464], abs=1e-5)
    assert found.steps == RECIPE.steps


# --- Gem-Miner --------------------------------------------------------------------------------------------------------


def freezings(run: Notebook) -> list[tuple[int, int]]:
    """Step and weights left, of every event in the search."""
    return [(change.step, change.after.kept) for change in run.changes if change.gradients]


@pytest.mark.parametrize("rate", [0.1, 20.0])
def test_scores_are_in_the_unit_interval_after_every_forward(rate):
    run = watched(gem_miner, rate=rate, rounds=3)
    for scores in run.scores:
        for score in scores.values():
            assert score.min() >= 0
            assert score.max() <= 1
    assert (run.scores[-1]["4.weight"] == 0).any()
    if rate > 1:
        assert (run.scores[-1]["4.weight"] == 1).any()


def test_scores_start_uniform_on_the_unit_interval():
    everything = torch.cat([score.flatten() for score in watched(gem_miner).scores[0].values()])
    assert everything.mean() == pytest.approx(0.5, abs=0.05)
    assert everything.min() < 0.02
    assert everything.max() > 0.98


def test_a_weight_is_used_where_its_score_rounds_to_one_and_is_not_frozen():
    seen: list[dict[str, Tensor]] = []
    run = Watching(0.2, task=spying(smooth, seen))
    seen.clear()
    written(gem_miner, run, rounds=3)
    for index, (used, scores) in enumerate(zip(seen[: RECIPE.steps], run.scores, strict=True)):
        active = Masks.ones(run.weights)
        for change in run.changes[:3]:
            active = change.after if change.step < index else active
        for name, weight in used.items():
            assert torch.equal(weight != 0, (scores[name] > 0.5) & active[name])


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [(1, [(6, 77)]), (3, [(3, 225), (6, 131), (9, 77)]), (5, [(2, 278), (4, 202), (6, 146), (8, 106), (10, 77)])],
)
def test_every_freezing_is_on_time_and_exact(rounds, expected):
    """384 * 0.2^(k / rounds) are left after the k-th, to the nearest whole weight."""
    assert freezings(after(gem_miner, rounds=rounds)) == expected


def test_by_default_there_are_twenty_nine_freezings_evenly_over_the_search():
    """E = 150 epochs and T = 5: floor((E - 1) / T) of them, from epoch 5 to epoch 145."""
    run = written(gem_miner, Notebook(recipe=replace(RECIPE, steps=60)))
    assert freezings(run) == [(2 * done, round(384 * 0.2 ** (done / 29))) for done in range(1, 30)]


def test_what_is_frozen_stays_frozen_and_its_score_is_zero():
    run = watched(gem_miner, rounds=5, rate=1.0)
    for earlier, later in pairwise(run.changes):
        assert later.after & earlier.after == later.after
    for change in run.changes[:-1]:
        for scores in run.scores[change.step + 1 :]:
            assert all(not score[~change.after[name]].any() for name, score in scores.items())


@pytest.mark.parametrize("inverted", [False, True], ids=["smallest first", "inverted"])
def test_the_smallest_active_scores_are_frozen_or_the_largest_where_rankings_are_inverted(inverted):
    run = Watching()
    if inverted:
        run._state.invert_rankings()
    written(gem_miner, run, rounds=3)
    changes = [change for change in run.changes if change.after != change.before]
    assert [change.after.kept for change in changes] == [225, 131, 77]
    for change in changes:  # inverted, no score rounds to 1 after the second: the third is after the search
        scores = run.scores[change.step] if change.gradients else run.learned
        gone = torch.cat([scores[name][change.before[name] & ~change.after[name]] for name in SIZES])
        stay = torch.cat([scores[name][change.after[name]] for name in SIZES])
        assert stay.max() <= gone.min() if inverted else gone.max() <= stay.min()


def test_with_one_event_and_no_penalty_it_is_a_threshold_over_all_layers():
    run = watched(gem_miner, rounds=1, penalty=0.0)
    assert run.masks == keep_top(run.scores[6], Target(0.2))


@pytest.mark.parametrize("density", [0.5, 0.2, 0.05])
@pytest.mark.parametrize("steps", [1, 4, 12])
def test_the_final_density_is_exact_even_if_there_are_more_events_than_steps(density, steps):
    run = written(gem_miner, Notebook(density, recipe=replace(RECIPE, steps=steps)))
    assert run.masks.kept == round(384 * density)


def test_fine_tuning_starts_from_the_frozen_weights_and_keeps_the_zeros():
    run = after(gem_miner, rounds=3)
    (start,) = run.trainings
    mask = run.changes[2].after
    assert run.masks == mask
    assert same(start, {name: weight * mask[name] for name, weight in constants().items()})
    for name, weight in run.weights.items():
        assert torch.equal(weight != 0, mask[name])
        assert not torch.equal(weight, start[name])


def test_fine_tuning_is_a_whole_training_on_the_recipe_of_the_task():
    run = after(gem_miner, rounds=3)
    assert run.clock == RECIPE.steps
    assert run._state.meter.counts(RECIPE.steps)["trainings"] == 2
    assert run._state.engine.recipe == RECIPE


def test_the_penalty_reaches_the_gradient_of_every_score():
    """d/dp of penalty * p^2 is 2 * penalty * p."""
    run = watched(gem_miner, rounds=3, penalty=0.25)
    for pause, scores in zip(run.pauses, run.scores, strict=True):
        for name, score in scores.items():
            torch.testing.assert_close(pause.edited[name], pause.gradients[name] + 0.5 * score)
        assert any(score.any() for score in scores.values())


def test_a_large_penalty_shrinks_scores():
    small, large = (watched(gem_miner, rounds=1, penalty=penalty) for penalty in (0.0, 0.1))
    assert sum(score.sum() for score in large.scores[-1].values()) < 0.9 * sum(
        score.sum() for score in small.scores[-1].values()
    )


def test_where_rounding_empties_the_network_it_goes_to_the_target_at_once():
    """A step on the penalty alone takes p to p - rate * 2 * penalty * p, here 0."""
    run = watched(gem_miner, rounds=3, penalty=5.0, rate=0.1)
    assert len(run.pauses) < 5
    assert all(not (score > 0.5).any() for score in run.scores[-1].values())
    assert run.masks.kept == 77
    assert run._state.meter.training_steps < 5 + RECIPE.steps
    assert run.clock == RECIPE.steps
    assert run._state.tamper_check.breaches == []


def starting(start: Callable[[Tensor], Tensor]) -> Callable[[Tensors, torch.Generator], dict[str, Tensor]]:
    """`noise`, whose first draw, where the scores start, is another."""
    calls = []

    def draw(tensors: Tensors, rng: torch.Generator) -> dict[str, Tensor]:
        calls.append(1)
        found = noise(tensors, rng)
        return {name: start(value) for name, value in found.items()} if len(calls) == 1 else found

    return draw


def odd(value: Tensor) -> Tensor:
    return (torch.arange(value.numel()) % 2).view(value.shape).double()


def test_ties_are_broken_by_chance_and_not_by_position(monkeypatch):
    """All scores are 1: 77 of 384 stay. By position they would be the first 77, all in the first layer."""
    monkeypatch.setattr("benchmark.algorithms.gem_miner.noise", starting(torch.ones_like))
    run = watched(gem_miner, rounds=1, rate=0.0)
    assert all((score == 1).all() for score in run.scores[0].values())
    assert run.masks.kept == 77
    for name, size in SIZES.items():
        spread = (0.2 * 0.8 * size) ** 0.5
        assert run.masks.counts[name] == pytest.approx(0.2 * size, abs=3 * spread)
    hidden = run.masks["4.weight"]
    assert 10 < hidden[:8].sum() < 40
    assert 10 < hidden[8:].sum() < 40


def test_a_frozen_weight_does_not_come_back_in_a_tie(monkeypatch):
    """Every other score is 0: 278, then 202 of 384 stay, and some of the zeros both times."""
    monkeypatch.setattr("benchmark.algorithms.gem_miner.noise", starting(odd))
    run = watched(gem_miner, rounds=5, rate=0.0, penalty=0.0)
    assert [change.after.kept for change in run.changes[:3]] == [278, 202, 146]
    assert all(run.changes[1].after[name][odd(weight) == 1].all() for name, weight in run.weights.items())
    for earlier, later in pairwise(run.changes):
        assert later.after & earlier.after == later.after


def test_ties_fall_otherwise_for_another_seed(monkeypatch):
    masks = []
    for seed in (0, 0, 1):
        monkeypatch.setattr("benchmark.algorithms.gem_miner.noise", starting(torch.ones_like))
        masks.append(written(gem_miner, Notebook(seed=seed), rounds=1, rate=0.0).masks)
    assert masks[0] == masks[1] != masks[2]


def test_chance_decides_only_between_equals(monkeypatch):
    """Scores a thousandth apart are no tie, whatever is drawn."""

    def ladder(tensors: Tensors, rng: torch.Generator) -> dict[str, Tensor]:
        found = noise(tensors, rng)
        if first:
            first.clear()
            total = sum(value.numel() for value in found.values())
            steps = torch.arange(total, dtype=torch.float64) / total
            parts = steps.split([value.numel() for value in found.values()])
            return {n: part.view(found[n].shape) for n, part in zip(found, parts, strict=True)}
        return found

    first = [True]
    monkeypatch.setattr("benchmark.algorithms.gem_miner.noise", ladder)
    run = watched(gem_miner, rounds=1, rate=0.0, penalty=0.0)
    assert run.masks.counts == {"0.weight": 0, "4.weight": 45, "6.weight": 32}


# --- both -------------------------------------------------------------------------------------------------------------


@PATTERNS
@BOTH
def test_every_pattern_is_kept(method, pattern, density):
    run = after(method, density, pattern)
    assert run.target.pattern.breach(run.masks, density) is None
    assert all(not weight[~run.masks[name]].any() for name, weight in run.weights.items())


@BOTH
def test_masks_follow_the_seed(method):
    first, again, other = (written(method, Notebook(seed=seed)).masks for seed in (1, 1, 2))
    assert first == again != other


@BOTH
def test_a_search_is_a_training_on_the_bill(method):
    trainings = {edge_popup: 1, gem_miner: 2}[method]
    assert after(method)._state.meter.counts(RECIPE.steps)["trainings"] == trainings


@BOTH
def test_after_the_search_every_parameter_learns_again(method):
    assert all(parameter.requires_grad for parameter in after(method)._state.model.parameters())


@pytest.mark.runs
@pytest.mark.parametrize(("name", "options"), [("edge-popup", {"constant": False}), ("biprop", {}), ("edge-popup", {})])
def test_scales_of_norm_layers_that_are_drawn_at_random_are_set_to_one(name, options):
    """The recipes of CIFAR-10 draw them from [0, 1]; a method that trains masks alone would freeze them there."""
    method, task = registry.algorithm(name), replace(any_network, models={"net": any_network.models["normed"]})
    run = Notebook(task=task)
    assert not bool((state(run)["2.weight"] == 1).any())
    method(run, **method.resolve(options))
    assert bool((state(run)["2.weight"] == 1).all())


@pytest.mark.runs
def test_a_layer_of_one_weight_has_a_spread():
    assert float(spread(torch.tensor([[-3.0]]))) == 3
    assert float(spread(torch.tensor([[1.0, 3.0]]))) == pytest.approx(2**0.5)
