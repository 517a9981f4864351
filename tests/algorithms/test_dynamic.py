"""SET and RigL: as many weights grow as are dropped, in every layer, in the right places, and none after the end."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from benchmark.algorithms.gmp import gmp
from benchmark.algorithms.granet import granet
from benchmark.algorithms.random import random
from benchmark.algorithms.rigl import rigl
from benchmark.algorithms.set import set as set_
from torch import Tensor, nn

from benchmark import Masks, Splits, Target, Task, TensorData
from benchmark.errors import Diverged, Inapplicable
from benchmark.pruning.layer_densities import weights_per_layer
from benchmark.pruning.pattern_names import pattern_named
from benchmark.pruning.regrowth import regrow
from benchmark.pruning.target import Inversion
from benchmark.schedules import cosine
from tests.support.notebook import RECIPE, SIZES, Change, Notebook, after, same, smooth, state, written

pytestmark = pytest.mark.runs

BOTH = pytest.mark.parametrize("method", [set_, rigl])
PATTERNS = pytest.mark.parametrize(
    ("pattern", "density"), [("layer", 0.2), ("2:4", 0.5), ("1:4", 0.25), ("blocks:2x2", 0.2), ("channels", 0.3)]
)

UPDATES = [2, 4, 6, 8]
"""Of 12 steps with an interval of 2: the end is step 9."""

# --- drop and grow on four numbers ------------------------------------------------------------------------------------


def four(*values: float | bool) -> dict[str, Tensor]:
    return {"fc": torch.tensor([values])}


def regrown(
    masks: tuple[bool, ...], size: tuple[float, ...], slope: tuple[float, ...], share: float = 0.5
) -> list[bool]:
    found = regrow(Masks(four(*masks)), four(*size), four(*slope), share, Target(0.5))
    return [bool(kept) for kept in found["fc"][0]]


@pytest.mark.parametrize(
    ("slope", "expected"),
    [
        ((0.0, 0.0, 1.0, 2.0), [True, False, False, True]),
        ((0.0, 0.0, 2.0, 1.0), [True, False, True, False]),
        ((9.0, 0.0, 1.0, 2.0), [True, False, False, True]),
        ((0.0, 9.0, 1.0, 2.0), [True, True, False, False]),
    ],
    ids=["the largest", "the largest again", "not what is kept", "what was dropped may return"],
)
def test_the_smaller_of_two_is_dropped_and_the_largest_gradient_grows(slope, expected):
    assert regrown((True, True, False, False), (3.0, 1.0, 0.0, 0.0), slope) == expected


def test_only_live_weights_are_dropped():
    """A pruned weight is smaller than any, and is not among those to drop."""
    assert regrown((True, False, True, False), (3.0, 0.0, 2.0, 0.0), (0.0, 5.0, 0.0, 4.0)) == [True, True, False, False]


@pytest.mark.parametrize(("share", "moved"), [(0.0, 0), (0.3, 0), (0.34, 1), (0.66, 1), (0.67, 2), (1.0, 3)])
def test_the_share_is_rounded_down(share, moved):
    masks = Masks({"fc": torch.tensor([[True, True, True, False, False, False]])})
    size = {"fc": torch.tensor([[3.0, 2.0, 1.0, 0.0, 0.0, 0.0]])}
    slope = {"fc": torch.tensor([[0.0, 0.0, 0.0, 1.0, 2.0, 3.0]])}
    found = regrow(masks, size, slope, share, Target(0.5))["fc"][0]
    assert found.tolist() == [place < 3 - moved or place >= 6 - moved for place in range(6)]


def test_layers_do_not_trade():
    """However large the gradients of the other layer are."""
    masks = Masks({"a": torch.tensor([[True, False]]), "b": torch.tensor([[True, False]])})
    size = {"a": torch.tensor([[1.0, 0.0]]), "b": torch.tensor([[9.0, 0.0]])}
    slope = {"a": torch.tensor([[0.0, 1.0]]), "b": torch.tensor([[0.0, 99.0]])}
    assert regrow(masks, size, slope, 1.0, Target(0.5)).counts == {"a": 1, "b": 1}


def test_groups_do_not_trade_under_n_of_m():
    masks = Masks({"fc": torch.tensor([[True, True, False, False, True, True, False, False]])})
    size = {"fc": torch.tensor([[4.0, 1.0, 0.0, 0.0, 3.0, 2.0, 0.0, 0.0]])}
    slope = {"fc": torch.tensor([[0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 99.0, 98.0]])}
    found = regrow(masks, size, slope, 0.5, Target(0.5, pattern_named("2:4")))["fc"][0]
    assert found.tolist() == [True, False, False, True, True, False, True, False]


@pytest.mark.parametrize("pattern", ["layer", "2:4", "blocks:1x1"])
def test_with_rankings_turned_over_what_is_not_dropped_stays_all_the_same(pattern):
    """Of 3 and 1 one is dropped, whichever; the other must stay. What grows is 1 or 2, or what was dropped."""
    target = Target(0.5, pattern_named(pattern), Inversion())
    masks = Masks(four(True, True, False, False))
    found = regrow(masks, four(3.0, 1.0, 0.0, 0.0), four(0.0, 0.0, 1.0, 2.0), 0.5, target)["fc"][0].tolist()
    assert found in ([True, False, False, True], [True, True, False, False])


# --- every update -----------------------------------------------------------------------------------------------------


def start_and_updates(run: Notebook) -> tuple[Masks, list[Change]]:
    start, *updates = run.changes
    assert start.step == 0
    return start.after, updates


def share_at(step: int, fraction: float = 0.3) -> float:
    """alpha / 2 (1 + cos(pi t / T_end)), with the T_end of 12 steps."""
    return fraction / 2 * (1 + math.cos(math.pi * step / 9))


def staying(change: Change, share: float) -> Masks:
    """The largest live weights of every layer, by sorting: all but floor(share * live)."""
    stay = {}
    for name, mask in change.before.items():
        inside = mask.flatten().nonzero().squeeze(1)
        order = change.weights[name].abs().flatten()[inside].argsort(descending=True, stable=True)
        best = inside[order][: len(inside) - math.floor(share * len(inside))]
        stay[name] = torch.zeros(mask.numel(), dtype=torch.bool).index_fill(0, best, True).view(mask.shape)
    return Masks(stay)


def steepest(change: Change, stay: Masks) -> Masks:
    """What stays and, of everything else, as much as was dropped where the gradient is largest."""
    live = {}
    for name, mask in stay.items():
        slope = change.gradients[name].abs().masked_fill(mask, -1).flatten()
        grown = slope.argsort(descending=True, stable=True)[: change.before.counts[name] - stay.counts[name]]
        live[name] = mask.flatten().index_fill(0, grown, True).view(mask.shape)
    return Masks(live)


@BOTH
def test_updates_come_every_interval_until_the_end(method):
    assert [change.step for change in start_and_updates(after(method, interval=2))[1]] == UPDATES
    assert [change.step for change in start_and_updates(after(method, interval=2, end=0.5))[1]] == [2, 4]
    assert [change.step for change in start_and_updates(after(method, interval=5, end=1.0))[1]] == [5, 10]


@BOTH
@pytest.mark.parametrize("options", [{"end": 0.0}, {"interval": 100}])
def test_there_may_be_no_update_at_all(method, options):
    assert start_and_updates(after(method, **{"interval": 2, **options}))[1] == []


def test_the_share_is_alpha_at_the_start_and_nothing_at_the_end():
    assert cosine(0.3, 0.0, 0) == 0.3
    assert cosine(0.3, 0.0, 1) == 0
    assert [cosine(0.3, 0.0, step / 9) for step in range(10)] == pytest.approx([share_at(step) for step in range(10)])


@BOTH
def test_the_layer_densities_are_those_of_erk_and_never_change(method):
    shapes = {name: weight.shape for name, weight in Notebook().weights.items()}
    start, updates = start_and_updates(after(method, interval=2))
    assert start.counts == weights_per_layer("erk", shapes, 0.2)
    assert start.kept == 77
    assert all(change.after.counts == start.counts for change in updates)


@BOTH
@pytest.mark.parametrize("fraction", [0.3, 1.0])
def test_as_many_grow_as_are_dropped(method, fraction):
    run = after(method, interval=2, fraction=fraction)
    moved = 0
    for change in start_and_updates(run)[1]:
        stay = staying(change, share_at(change.step, fraction))
        assert stay & change.after == stay
        for name, live in change.before.counts.items():
            dropped = live - stay.counts[name]
            assert (change.after & ~stay).counts[name] == dropped == math.floor(share_at(change.step, fraction) * live)
        moved += (change.after & ~change.before).kept
    assert moved > 10


def test_rigl_grows_where_the_gradient_of_the_batch_is_largest():
    for change in start_and_updates(after(rigl, interval=2))[1]:
        assert change.after == steepest(change, staying(change, share_at(change.step)))


def test_set_does_not_grow_where_the_gradient_is_largest():
    run = after(set_, interval=2)
    assert any(
        change.after != steepest(change, staying(change, share_at(change.step))) for change in start_and_updates(run)[1]
    )


@BOTH
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_what_grows_from_nothing_starts_at_zero_without_memory(method, optimizer):
    run = written(method, Notebook(recipe=replace(RECIPE, optimizer=optimizer)), interval=2, fraction=0.6)
    grown = 0
    for change in start_and_updates(run)[1]:
        new = change.after & ~change.before
        for name in SIZES:
            assert not change.weights_after[name][new[name]].any()
            assert not change.memory_after[name][:, new[name]].any()
            assert change.memory_after[name][:, change.after[name]].any()
        grown += new.kept
    assert grown > 20


@BOTH
def test_what_is_dropped_and_grown_at_once_keeps_its_value_and_its_memory(method):
    returned = 0
    for change in start_and_updates(after(method, 0.5, interval=2, fraction=0.6))[1]:
        back = change.before & ~staying(change, share_at(change.step, 0.6)) & change.after
        for name, mask in back.items():
            assert torch.equal(change.weights_after[name][mask], change.weights[name][mask])
            assert torch.equal(change.memory_after[name][:, mask], change.memory[name][:, mask])
        returned += back.kept
    assert returned > 10


@BOTH
def test_masks_follow_the_seed(method):
    first, again, other = (written(method, Notebook(seed=seed), interval=2).masks for seed in (1, 1, 2))
    assert first == again != other


@PATTERNS
@pytest.mark.parametrize("method", [set_, rigl, granet])
def test_every_pattern_is_kept_at_every_update(method, pattern, density):
    options = {"initial": 1 - density} if method is granet else {}
    run = after(method, density, pattern, interval=2, **options)
    moved = 0
    for change in run.changes:
        assert run.target.pattern.breach(change.after, density) is None
        moved += (change.after & ~change.before).kept
    assert moved > 0


@BOTH
@pytest.mark.parametrize(("pattern", "density"), [("layer", 0.3), ("2:4", 0.5)])
def test_a_distribution_under_a_pattern_that_sets_one_is_not_applicable_and_nothing_is_trained(
    method, pattern, density
):
    run = Notebook(density, pattern)
    with pytest.raises(Inapplicable, match="sets the layer densities; distribution must be left out"):
        method(run, distribution="uniform")
    assert run.clock == 0


@BOTH
@pytest.mark.parametrize("distribution", ["uniform", "uniform-first", "er", "igq"])
def test_other_distributions_may_be_asked_for(method, distribution):
    shapes = {name: weight.shape for name, weight in Notebook().weights.items()}
    assert after(method, 0.3, distribution=distribution, interval=2).masks.counts == weights_per_layer(
        distribution, shapes, 0.3
    )


# --- what an update costs, and what it replaces -----------------------------------------------------------------------


def static() -> Notebook:
    return after(random, distribution="erk")


def test_set_without_a_share_to_move_is_static_sparse_training():
    run = after(set_, interval=2, fraction=0.0)
    assert run.masks == static().masks
    assert same(state(run), state(static()))


def test_rigl_without_a_share_to_move_is_static_sparse_training():
    run = after(rigl, interval=2, fraction=0.0)
    assert run.masks == static().masks
    assert same(state(run), state(static()))


@BOTH
def test_both_start_from_the_masks_of_the_random_control(method):
    assert start_and_updates(after(method, interval=2))[0] == static().masks


def test_rigl_updates_masks_in_place_of_weights():
    run = after(rigl, interval=2)
    assert [pause.index for pause in run.pauses if pause.skipped] == UPDATES
    assert run._state.meter.updates == RECIPE.steps - len(UPDATES)
    changes = {change.step: change for change in run.changes[1:]}
    for now, later in pairwise(run.pauses):
        unmoved = changes[now.index].weights_after if now.skipped else now.weights
        assert same(later.weights, unmoved) is now.skipped


def test_set_updates_weights_in_every_step():
    run = after(set_, interval=2)
    assert not any(pause.skipped for pause in run.pauses)
    assert run._state.meter.updates == RECIPE.steps


def test_rigl_looks_at_dense_gradients_only_when_it_updates_masks():
    assert [pause.index for pause in after(rigl, interval=2).pauses if pause.looked] == UPDATES


def test_set_never_looks_at_gradients_and_is_cheaper():
    run = after(set_, interval=2)
    assert not any(pause.looked for pause in run.pauses)
    assert run._state.meter.training_flops == pytest.approx(static()._state.meter.training_flops)
    assert run._state.meter.training_flops < after(rigl, interval=2)._state.meter.training_flops


class Scale(nn.Module):
    """A factor on the input, so that the first layer's input has a gradient like any other's."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.factor


def scaled() -> Task:
    draw = torch.Generator().manual_seed(0)
    data = TensorData(torch.randn(64, 10, generator=draw), torch.arange(64) % 2)
    net = {"net": lambda: nn.Sequential(Scale(), nn.Linear(10, 20), nn.Tanh(), nn.Linear(20, 2))}
    return replace(smooth, models=net, data=lambda folder: Splits(data, data, data))


@pytest.mark.parametrize("quiet", [3, 7, 19])
def test_a_step_of_rigl_costs_what_the_paper_says(quiet):
    """(3 f_S dT + 2 f_S + f_D) / (dT + 1): dT sparse steps, and one with a dense gradient by the weights."""
    recipe = replace(RECIPE, steps=quiet + 1)
    run = written(rigl, Notebook(0.25, recipe=recipe, task=scaled()), interval=(quiet + 1) // 2, distribution="uniform")
    assert run.masks.density == 0.25
    dense = 2 * 32 * (10 * 20 + 20 * 2)
    sparse = 0.25 * dense
    assert len(run.changes) == 2
    assert run._state.meter.training_flops / (quiet + 1) == pytest.approx(
        (3 * sparse * quiet + 2 * sparse + dense) / (quiet + 1)
    )


@BOTH
def test_at_density_one_the_weights_are_those_of_dense_training(method):
    dense = Notebook(1.0)
    dense.train()
    assert same(state(after(method, 1.0, interval=2)), state(dense))


@pytest.mark.parametrize("method", [set_, rigl, gmp, granet])
def test_a_training_that_diverges_ends_as_one_that_does(method):
    """The record says `diverged`, and not `failed` with an error of the method's."""
    run = Notebook(recipe=replace(RECIPE, rate=1e20, steps=60))
    with pytest.raises(Diverged):
        method(run, interval=2)
