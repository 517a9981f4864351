"""IMP: rounds in whole weights, nested masks, and each way of training again doing what it says."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch
from benchmark.algorithms.imp import imp, largest, survivors
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark import Inapplicable, Masks, Recipe, Run, Snapshot, Target, keep_top
from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.pruning.pattern_names import pattern_named
from benchmark.training.run_state import RunState

pytestmark = pytest.mark.runs

RECIPE = Recipe(steps=8, batch_size=32, rate=0.1, momentum=0.9, milestones=(6,))


class Diary(Run):
    """A run that writes down what its verbs were called for, and the weights around each."""

    def __init__(self, density: float = 0.2, pattern: str = "global", recipe: Recipe = RECIPE, seed: int = 0) -> None:
        self.trainings: list[tuple[int, int]] = []
        self.rounds: list[tuple[dict[str, Tensor], Masks, Masks]] = []
        self.saved: list[dict[str, Tensor]] = []
        self.after_going_back: list[dict[str, Tensor]] = []
        target = Target(density, pattern_named(pattern))
        super().__init__(RunState(toy, build(toy, "net", seed), recipe, target, toy.data(Path()).train, seed))

    def train(self, steps: int | None = None) -> None:
        start = self.clock
        super().train(steps)
        if self.clock > start:
            self.trainings.append((start, self.clock))

    def prune(self, masks: Masks) -> None:
        self.rounds.append((self.weights, self.masks, masks))
        super().prune(masks)

    def snapshot(self) -> Snapshot:
        self.saved.append(self.weights)
        return super().snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        super().restore(snapshot)
        self.after_going_back.append(self.weights)

    def rewind(self, clock: int) -> None:
        super().rewind(clock)
        self.after_going_back.append(self.weights)


def diary(density: float = 0.2, pattern: str = "global", **options: object) -> Diary:
    """The diary of IMP on the toy."""
    run = Diary(density, pattern)
    imp(run, **options)
    run._state.finish()
    return run


def kept(run: Diary) -> list[int]:
    """Live weights at first and after every round."""
    return [384, *(masks.kept for _, _, masks in run.rounds)]


# --- rounds in whole weights ------------------------------------------------------------------------------------------


def test_global_rounds_of_lenet_300_100():
    found = islice(survivors({"all": 266_200}, {"all": 1.0}, 0.2, 0.01), 10)
    assert [counts["all"] for counts in found] == [
        212_960, 170_368, 136_294, 109_035, 87_228, 69_782, 55_825, 44_660, 35_728, 28_582,
    ]  # fmt: skip


def test_layerwise_rounds_of_lenet_300_100():
    sizes = {"fc1": 235_200, "fc2": 30_000, "fc3": 1_000}
    found = islice(survivors(sizes, {"fc1": 1.0, "fc2": 1.0, "fc3": 0.5}, 0.2, 0.01), 4)
    assert [tuple(counts.values()) for counts in found] == [
        (188_160, 24_000, 900),
        (150_528, 19_200, 810),
        (120_422, 15_360, 729),
        (96_337, 12_288, 656),
    ]


@pytest.mark.parametrize(("density", "rounds"), [(0.8, 1), (0.64, 2), (0.512, 3), (0.1, 10), (0.0115, 20)])
def test_the_number_of_rounds_is_that_of_the_paper(density, rounds):
    assert len(list(survivors({"all": 266_200}, {"all": 1.0}, 0.2, density))) == rounds


@settings(max_examples=50)
@given(
    st.lists(st.integers(1_000, 9_000), min_size=1, max_size=5),
    st.floats(0.05, 0.35),
    st.floats(0.05, 0.99),
    st.sampled_from([1.0, 0.5]),
)
def test_rounds_only_remove_follow_the_recursion_and_end_at_the_target(sizes, fraction, density, output):
    named = {f"layer{number}": size for number, size in enumerate(sizes)}
    rates = dict.fromkeys(named, 1.0) | {f"layer{len(sizes) - 1}": output}
    found = [named, *survivors(named, rates, fraction, density)]
    for before, after in pairwise(found):
        assert all(0 <= after[name] <= before[name] for name in named)
    for before, after in pairwise(found[:-1]):
        removed = {n: before[n] - after[n] for n in named}
        assert all(0 <= removed[n] - fraction * rates[n] * before[n] + 1e-9 < 1 for n in named)
    assert sum(found[-1].values()) == round(density * sum(sizes))


def test_at_density_one_there_is_no_round():
    assert list(survivors({"all": 100}, {"all": 1.0}, 0.2, 1.0)) == []


@pytest.mark.parametrize(("live", "fraction", "left"), [(100, 0.07, 93), (100, 0.55, 45), (50, 0.14, 43)])
def test_a_whole_share_is_not_rounded_up(live, fraction, left):
    assert next(survivors({"all": live}, {"all": 1.0}, fraction, 0.01)) == {"all": left}


def test_rounds_of_many_small_layers_stop_at_the_target():
    sizes = {f"layer{number}": 40 for number in range(53)}
    *_, counts = survivors(sizes, dict.fromkeys(sizes, 1.0), 0.2, 0.01)
    assert sum(counts.values()) == 21


def test_a_large_last_round_takes_no_more_than_there_is():
    (counts,) = survivors({"hidden": 100, "output": 100}, {"hidden": 1.0, "output": 0.5}, 0.9, 0.035)
    assert sum(counts.values()) == 7
    assert min(counts.values()) >= 0


# --- on the toy -------------------------------------------------------------------------------------------------------

PATTERNS = pytest.mark.parametrize(
    ("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5), ("1:4", 0.25)]
)


def test_every_round_takes_a_fifth_of_what_is_live_and_the_last_what_is_left():
    counts = kept(diary(0.2))
    assert counts == [384, 307, 245, 196, 156, 124, 99, 77]
    for before, after in list(pairwise(counts))[:-1]:
        assert before - after == math.ceil(0.2 * before)


@PATTERNS
def test_masks_are_nested_and_the_last_is_what_was_asked(pattern, density):
    run = diary(density, pattern)
    for _, before, after in run.rounds:
        assert after & before == after
    for (_, _, after), (_, before, _) in pairwise(run.rounds):
        assert before == after
    assert run.target.pattern.breach(run.masks, density) is None


@pytest.mark.parametrize("scope", ["pattern", "layer"])
@pytest.mark.parametrize("inverted", [False, True], ids=["smallest first", "inverted"])
def test_no_kept_weight_is_smaller_than_a_removed_one_or_larger_where_rankings_are_inverted(scope, inverted):
    """Of the whole network, or of its layer."""
    run = Diary(0.2)
    if inverted:
        run._state.invert_rankings()
    imp(run, scope=scope)
    assert len(run.rounds) == 7
    for weights, before, after in run.rounds:
        for names in [[name] for name in weights] if scope == "layer" else [[*weights]]:
            removed = torch.cat([weights[name][before[name] & ~after[name]].abs() for name in names])
            stay = torch.cat([weights[name][after[name]].abs() for name in names])
            assert stay.max() <= removed.min() if inverted else removed.max() <= stay.min()


@PATTERNS
def test_a_pattern_is_ranked_as_the_pattern_says(pattern, density):
    run = diary(density, pattern)
    weights, before, after = run.rounds[-1]
    scores = {name: weight.abs() for name, weight in weights.items()}
    assert after == keep_top(scores, run.target, among=before)


def test_layerwise_the_output_layer_loses_half_as_much():
    run = diary(0.2, scope="layer")
    counts = [{"0.weight": 96, "4.weight": 256, "6.weight": 32}, *(masks.counts for _, _, masks in run.rounds)]
    for before, after in list(pairwise(counts))[:-1]:
        for name, rate in {"0.weight": 0.2, "4.weight": 0.2, "6.weight": 0.1}.items():
            assert before[name] - after[name] == math.ceil(rate * before[name])
    assert run.masks.kept == 77
    assert run.masks.counts["6.weight"] / 32 > 1.5 * run.masks.counts["4.weight"] / 256


@pytest.mark.parametrize(("pattern", "density"), [("layer", 0.2), ("2:4", 0.5)])
def test_layerwise_rates_under_a_pattern_that_sets_them_are_refused_before_training(pattern, density):
    run = Diary(density, pattern)
    with pytest.raises(Inapplicable, match="scope must be 'pattern'"):
        imp(run, scope="layer")
    assert run.trainings == []


@pytest.mark.parametrize("scope", ["pattern", "layer"])
def test_a_live_weight_that_is_exactly_zero_is_kept_before_a_dead_one(scope):
    """Dead weights are left out by their mask, not by their value."""
    run = Diary()
    zeros = {name: torch.zeros_like(weight) for name, weight in run.weights.items()}
    start = run.snapshot()
    run.restore(replace(start, state={**start.state, **zeros}))
    run.prune(Masks({name: torch.arange(w.numel()).view(w.shape) >= w.numel() // 2 for name, w in zeros.items()}))
    counts = {name: w.numel() // 4 for name, w in zeros.items()}
    left = largest(run, run.weights, counts, scope)
    assert left & run.masks == left
    assert left.kept == 96


def test_at_density_one_imp_is_dense_training():
    dense, run = Diary(1.0), diary(1.0)
    dense.train()
    assert all(torch.equal(weight, dense.weights[name]) for name, weight in run.weights.items())
    assert run.trainings == [(0, 8)]


# --- training again ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rewind", "start"), [(0.0, 0), (0.25, 2), (1.0, 8)])
def test_rewinding_weights_goes_back_to_the_saved_ones_bit_for_bit(rewind, start):
    run = diary(0.4, rewind=rewind)
    (early,) = run.saved
    assert len(run.after_going_back) == len(run.rounds) == 4
    for (_, _, masks), weights in zip(run.rounds, run.after_going_back, strict=True):
        assert all(torch.equal(weights[name], early[name] * masks[name]) for name in early)
    first = [(0, start), (start, 8)]
    assert run.trainings == [stretch for stretch in first + [(start, 8)] * 4 if stretch[0] < stretch[1]]


def test_rewinding_to_the_start_saves_the_weights_before_any_training():
    run = diary(0.4, rewind=0.0)
    fresh = Diary().weights
    assert all(torch.equal(weight, fresh[name]) for name, weight in run.saved[0].items())


def test_rewinding_the_rate_keeps_the_trained_weights_and_repeats_the_schedule():
    run = diary(0.4, retrain="rate", rewind=0.25)
    for (weights, _, masks), after in zip(run.rounds, run.after_going_back, strict=True):
        assert all(torch.equal(after[name], weights[name] * masks[name]) for name in weights)
    assert run.trainings == [(0, 2), (2, 8), *[(2, 8)] * 4]


def test_fine_tuning_goes_on_at_the_last_rate_with_the_trained_weights():
    run = diary(0.4, retrain="finetune", rewind=0.25)
    assert run.after_going_back == []
    assert run.trainings == [(0, 2), (2, 8), (8, 14), (14, 20), (20, 26), (26, 32)]
    (group,) = run._state.engine._optimizer.param_groups
    assert group["lr"] == RECIPE.rate_at(7) == pytest.approx(0.01)


def test_rewinding_the_rate_to_the_end_is_no_training_at_all():
    """k = T: nothing is left of the schedule to repeat; the dense training's weights stay as they are."""
    run, dense = diary(0.4, retrain="rate", rewind=1.0), Diary()
    dense.train()
    assert run.trainings == [(0, 8)]
    assert run.masks.kept == 154
    assert all(torch.equal(weight, dense.weights[name] * run.masks[name]) for name, weight in run.weights.items())


def test_the_three_ways_of_training_again_give_three_networks_with_masks_of_equal_size():
    runs = [diary(0.4, retrain=retrain, rewind=0.25) for retrain in ("weights", "rate", "finetune")]
    assert {run.masks.kept for run in runs} == {154}
    assert len({run.weights["4.weight"].sum().item() for run in runs}) == 3


@pytest.mark.parametrize("retrain", ["weights", "rate", "finetune"])
@pytest.mark.parametrize("rewind", [0.0, 0.25])
def test_every_training_is_on_the_bill(retrain, rewind):
    run = diary(0.4, retrain=retrain, rewind=rewind)
    assert len(run.rounds) == 4
    assert run._state.meter.counts(RECIPE.steps)["trainings"] == 1 + 4 * (1 - rewind)


def test_a_larger_fraction_takes_fewer_rounds():
    assert len(diary(0.4, fraction=0.5).rounds) == 1
    assert kept(diary(0.1, fraction=0.5)) == [384, 192, 96, 38]


def test_pruned_weights_are_zero_in_the_end():
    run = diary(0.2)
    assert all(not weight[~run.masks[name]].any() for name, weight in run.weights.items())


def test_two_of_four_goes_by_way_of_three_of_four():
    found = [masks["4.weight"].view(-1, 4).sum(dim=1).unique().tolist() for _, _, masks in diary(0.5, "2:4").rounds]
    assert found[0] == [3]
    assert found[-1] == [2]


@pytest.mark.parametrize(("pattern", "density"), [("2:4", 0.5), ("1:4", 0.25)])
def test_no_training_is_spent_on_a_round_that_removes_nothing(pattern, density):
    run = diary(density, pattern)
    assert all(after.kept < before.kept for _, before, after in run.rounds)


def test_the_same_seed_gives_the_same_masks_and_another_does_not():
    first, second, other = (Diary(recipe=replace(RECIPE, steps=4), seed=seed) for seed in (3, 3, 4))
    for run in (first, second, other):
        imp(run, fraction=0.5)
    assert first.masks == second.masks != other.masks
