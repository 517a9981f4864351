"""SRigL: constant fan-in at every update, outputs that die, and where weights grow."""

from __future__ import annotations

import math

import pytest
import torch
from benchmark.algorithms.random import random
from benchmark.algorithms.srigl import fill, inputs, srigl, survivors, update

from benchmark import FanIn, Inapplicable, Masks, Target
from benchmark.pruning.layer_densities import weights_per_layer
from benchmark.schedules import cosine
from tests.support.notebook import RECIPE, SIZES, Change, Notebook, after, same, state

LIVE = torch.tensor([True, False, True])

# --- on paper ---------------------------------------------------------------------------------------------------------


def test_what_stays_is_cut_to_the_largest_and_the_rest_grows_by_gradient():
    stay = torch.tensor([[True, True, True, False], [False, True, False, False]])
    drop = torch.tensor([[2.0, 3.0, 1.0, 0.0], [0.0, 0.1, 0.0, 0.0]])
    grow = torch.tensor([[9.0, 9.0, 9.0, 9.0], [1.0, 0.0, 5.0, 3.0]])
    assert fill(stay, drop, grow, torch.tensor([2, 3])).int().tolist() == [[1, 1, 0, 0], [0, 1, 1, 1]]


def test_under_fan_in_live_outputs_share_the_weights_of_the_dead():
    assert inputs(LIVE, 4, 6.0, Target(0.5, FanIn())).tolist() == [3, 0, 3]


def test_under_exact_totals_the_first_outputs_keep_one_more():
    assert inputs(LIVE, 4, 7, Target(0.5)).tolist() == [4, 0, 3]
    assert inputs(~LIVE, 4, 3, Target(0.5)).tolist() == [0, 3, 0]


@pytest.mark.parametrize(
    ("ablation", "count", "expected"),
    [(0.0, 4, [1, 1, 1]), (0.3, 4, [1, 1, 0]), (0.6, 4, [1, 0, 0]), (0.6, 6, [1, 1, 0]), (0.6, 12, [1, 1, 1])],
    ids=["none dies", "one dies", "two die", "one is needed", "all are needed"],
)
def test_outputs_with_few_salient_weights_die(ablation, count, expected):
    """Each has 2 inputs, and 4, 1 and 0 of their weights are salient: 0.3 of 2 is 0.6, and 0.6 of 2 is 1.2."""
    salient = torch.tensor([[1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0]]).bool()
    mask = torch.tensor([[1, 1, 0, 0]] * 3).bool()
    assert survivors(salient, mask, count, ablation).int().tolist() == expected


def test_an_update_on_sixteen_numbers():
    """One of four weights is dropped, the smallest (of output b); its gradients are small, and so are a's."""
    mask = Masks(
        {"fc": torch.tensor([[True, True, False, False], [True, True, False, False]]), "out": torch.ones(1, 2) > 0}
    )
    drop = {"fc": torch.tensor([[4.0, 3.0, 0.0, 0.0], [2.0, 1.0, 0.0, 0.0]]), "out": torch.ones(1, 2)}
    grow = {"fc": torch.tensor([[0.0, 0.0, 0.1, 0.9], [0.0, 0.2, 0.3, 0.4]]), "out": torch.ones(1, 2)}
    target, counts = Target(0.5, FanIn()), {"fc": 4.0, "out": 1.0}
    alive = update(mask, drop, grow, 0.25, 0.0, target, counts)["fc"]
    assert alive.int().tolist() == [[1, 1, 0, 0], [1, 0, 0, 1]]
    dead = update(mask, drop, grow, 0.25, 0.9, target, counts)["fc"]  # b has 1 salient weight, fewer than 0.9 of 2
    assert dead.int().tolist() == [[1, 1, 1, 1], [0, 0, 0, 0]]


# --- every update -----------------------------------------------------------------------------------------------------


def expected(change: Change, share: float, gamma: float, density: float) -> Masks:
    """The update output by output, in loops."""
    found = {}
    for name, mask in change.before.items():
        width, kept = mask.shape[1], int(mask.sum())
        cut = math.floor(share * kept)
        places = [tuple(place) for place in mask.nonzero().tolist()]
        size, slope = change.weights[name].abs(), change.gradients[name].abs()
        stay = set(sorted(places, key=lambda at: -float(size[at]))[: kept - cut])
        others = [(i, j) for i in range(len(mask)) for j in range(width) if (i, j) not in stay]
        salient = stay | set(sorted(others, key=lambda at: -float(slope[at]))[:cut])
        live = int(mask.any(dim=1).sum())
        rows = [[at for at in salient if at[0] == i] for i in range(len(mask))]
        needed = max(1, math.ceil(density * mask.numel() / width))
        order = sorted(range(len(mask)), key=lambda i: -len(rows[i]))
        enough = [i for i in order if name == "6.weight" or len(rows[i]) >= gamma * kept / live]
        alive = order[: max(len(enough), needed)]
        each = max(1, round(density * mask.numel() / len(alive)))
        new = torch.zeros_like(mask)
        for i in alive:
            first = sorted((at for at in stay if at[0] == i), key=lambda at: -float(size[at]))
            then = sorted((at for at in others if at[0] == i), key=lambda at: -float(slope[at]))
            for at in (first + then)[:each]:
                new[at] = True
        found[name] = new
    return Masks(found)


@pytest.mark.runs
@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.8])
def test_every_update_is_as_in_loops_over_outputs(gamma):
    run = after(srigl, 0.3, "fan-in", interval=2, fraction=0.6, ablation=gamma)
    _, *updates = run.changes
    assert [change.step for change in updates] == [2, 4, 6, 8]
    for change in updates:
        assert change.after == expected(change, cosine(0.6, 0.0, change.step / 9), gamma, 0.3)
        assert run.target.pattern.breach(change.after, 0.3) is None
    dead = {name: int((~mask.any(dim=1)).sum()) for name, mask in run.masks.items()}
    assert dead["6.weight"] == 0
    assert bool(dead["0.weight"] + dead["4.weight"]) is (gamma > 0)


@pytest.mark.runs
@pytest.mark.parametrize("pattern", ["global", "layer"])
@pytest.mark.parametrize("gamma", [0.0, 0.8])
def test_with_exact_totals_fan_ins_differ_by_one_at_most(pattern, gamma):
    run = after(srigl, 0.3, pattern, interval=2, fraction=0.6, ablation=gamma)
    shapes = {name: weight.shape for name, weight in run.weights.items()}
    if pattern == "global":
        assert run.masks.counts == weights_per_layer("erk", shapes, 0.3)
    for change in run.changes:
        assert run.target.pattern.breach(change.after, 0.3) is None
        for mask in change.after.values():
            fans = mask.sum(dim=1)
            assert int(fans.max() - fans[fans > 0].min()) <= 1


@pytest.mark.runs
def test_it_starts_from_random_masks_with_all_outputs_alive():
    start = after(srigl, 0.3, "fan-in").changes[0].after
    assert {name: set(mask.sum(dim=1).tolist()) for name, mask in start.items()} == {
        "0.weight": {2},
        "4.weight": {5},
        "6.weight": {5},
    }
    assert start != Notebook(0.3, "fan-in").masks


@pytest.mark.runs
def test_updates_replace_weight_updates_and_look_at_dense_gradients():
    run = after(srigl, 0.3, "fan-in", interval=2)
    assert [pause.index for pause in run.pauses if pause.skipped] == [2, 4, 6, 8]
    assert [pause.index for pause in run.pauses if pause.looked] == [2, 4, 6, 8]


@pytest.mark.runs
def test_without_a_share_to_move_it_is_static():
    run = after(srigl, 0.3, "fan-in", interval=2, fraction=0.0)
    assert len(run.changes) == 1
    assert run._state.ever_trained.share is None


@pytest.mark.parametrize(("pattern", "density"), [("2:4", 0.5), ("blocks:2x2", 0.5), ("channels", 0.5)])
def test_another_pattern_is_refused_with_the_reason(pattern, density):
    with pytest.raises(Inapplicable, match="'srigl' keeps as many inputs for every output"):
        srigl(Notebook(density, pattern))


@pytest.mark.runs
@pytest.mark.parametrize("pattern", ["global", "fan-in"])
def test_at_density_one_it_is_dense_training_bit_for_bit(pattern):
    run, dense = after(srigl, 1.0, pattern, interval=2), Notebook(1.0)
    dense.train()
    assert same(state(run), state(dense))


@pytest.mark.runs
def test_random_masks_with_constant_fan_in_are_a_pattern_of_random():
    run = after(random, 0.3, "fan-in")
    assert run.target.pattern.breach(run.masks, 0.3) is None
    assert run.clock == RECIPE.steps
    assert run.masks.keys() == SIZES.keys()
