"""Group norm and FPGM, which prune channels: their scores on a few numbers, and what training does with them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from benchmark.algorithms._channels import squares, within_layers
from benchmark.algorithms.fpgm import distances, fpgm
from benchmark.algorithms.group_norm import decays, group_norm, importance

from benchmark import Channels, Inapplicable, Masks, Recipe, keep_units
from benchmark.contract.toy import toy
from tests.support.notebook import RECIPE, Notebook, same, state, written

residual = replace(toy, models={"net": toy.models["residual"]})

FIRST, LAST = torch.tensor([0, 1]), torch.tensor([2, 3])
SMALL = Channels(
    {"one": (FIRST.view(2, 1),), "two": (LAST.view(2, 1), FIRST.view(1, 2)), "out": (LAST.view(1, 2),)},
    torch.tensor([0, 0, 7, 7]),
    {"scale": torch.tensor([1, -1, 0])},
)
"""Two layers of two channels, a last one, and a norm layer behind the first channels and one that stays."""

WEIGHTS = {
    "one": torch.tensor([[1.0, 2.0], [0.0, 3.0]]),
    "two": torch.tensor([[1.0, 0.0], [2.0, 1.0]]),
    "out": torch.tensor([[2.0, -1.0]]),
    "scale": torch.tensor([2.0, 9.0, -1.0]),
    "bias": torch.tensor([5.0]),
}
SQUARES = [1 + 4 + (1 + 4) + 1, 9 + (0 + 1) + 4, (1 + 0) + 4, (4 + 1) + 1]


def notebook(density: float = 0.5, steps: int = 12, **recipe: float) -> Notebook:
    return Notebook(density, "channels", replace(RECIPE, steps=steps, **recipe), task=residual)


def test_the_squares_of_all_that_belongs_to_a_channel():
    assert squares(WEIGHTS, SMALL).tolist() == SQUARES == [11, 14, 5, 6]


def test_importance_is_a_multiple_of_the_mean_of_the_layer():
    torch.testing.assert_close(
        importance(WEIGHTS, SMALL), torch.tensor([11 / 12.5, 14 / 12.5, 5 / 5.5, 6 / 5.5]).double()
    )


def test_the_weakest_channel_of_a_layer_decays_most():
    """With two channels in a layer, one is the weakest (2^3 = 8) and one the strongest (1); of two units, the sum."""
    found = decays(WEIGHTS, SMALL, 3.0)
    assert found.keys() == {"one", "two", "out", "scale"}
    assert found["one"].tolist() == [[8], [1]]
    assert found["two"].tolist() == [[8 + 8, 8 + 1], [1 + 8, 1 + 1]]
    assert found["out"].tolist() == [[8, 1]]
    assert found["scale"].tolist() == [1, 0, 8]


def test_between_them_it_depends_on_the_length_of_the_channel():
    """Lengths 1, 2 and 4 of one layer: two thirds of the way down is 2^(3 * 2 / 3) = 4."""
    pattern = Channels({"w": (torch.arange(3).view(3, 1),)}, torch.zeros(3, dtype=torch.int64))
    assert decays({"w": torch.tensor([[1.0], [2.0], [-4.0]])}, pattern, 3.0)["w"].flatten().tolist() == [8, 4, 1]
    assert decays({"w": torch.ones(3, 1)}, pattern, 3.0)["w"].flatten().tolist() == [1, 1, 1], "all are equal"


def test_one_step_moves_weights_and_scales_by_their_decay():
    plain = Recipe(steps=1, batch_size=32, rate=0.1)
    run, dense = (Notebook(1.0, "channels", plain, task=residual) for _ in range(2))
    before, pattern, trained = run.parameters, run.target.pattern, []
    prune = run.prune
    run.prune = lambda masks: (trained.append(run.parameters), prune(masks))
    group_norm(run, penalty=0.01, contrast=2.0)
    dense.train(1)
    expected = decays(before, pattern, 2.0)
    assert len(expected) == len(pattern.members) + 7
    for name, value in dense.parameters.items():
        moved = 0.1 * 0.01 * expected[name] * before[name] if name in expected else torch.zeros_like(value)
        torch.testing.assert_close((value - trained[0][name]).double(), moved.double(), rtol=1e-3, atol=1e-7)


@pytest.mark.runs
def test_channels_of_the_largest_groups_stay():
    run, twin = written(group_norm, notebook(), penalty=0.0), notebook()
    twin.train()
    (change,) = run.changes
    assert change.after == keep_units(importance(twin.parameters, twin.target.pattern), twin.target, twin.masks)
    twin.prune(change.after)
    twin.rewind(0)
    twin.train()
    assert same(state(run), state(twin))


@pytest.mark.runs
def test_a_penalty_leaves_the_groups_that_are_pruned_smaller():
    """The share of the squares that the weakest half of all channels has."""

    def share(penalty: float) -> float:
        run = notebook(0.5, 40)
        group_norm(run, penalty=penalty)
        lost = {n: (w * ~run.masks[n]).square().sum() for n, w in run.changes[0].weights.items()}
        return float(sum(lost.values()) / sum(w.square().sum() for w in run.changes[0].weights.values()))

    assert share(0.02) < 0.8 * share(0.0)


# --- FPGM -------------------------------------------------------------------------------------------------------------


def test_distances_to_the_other_filters_of_a_layer():
    """Of outputs alone: (1, 2) and (0, 3) are sqrt 2 apart, (1, 0) and (2, 1) too."""
    found = distances(WEIGHTS, SMALL)
    torch.testing.assert_close(found, torch.full((4,), math.sqrt(2)).double())


def test_a_filter_between_the_others_goes_first():
    """Of 0, 3, 4 and 10 on a line, 3 and 4 have the smallest sums of distances, 11 each, whatever their norms."""
    pattern = Channels({"w": (torch.arange(4).view(4, 1),)}, torch.zeros(4, dtype=torch.int64))
    found = distances({"w": torch.tensor([[0.0], [3.0], [4.0], [10.0]])}, pattern)
    assert found.tolist() == [17, 11, 11, 23]


def test_tied_layers_add_up():
    both = (torch.arange(2).view(2, 1),)
    pattern = Channels({"a": both, "b": both}, torch.zeros(2, dtype=torch.int64))
    found = distances({"a": torch.tensor([[0.0], [3.0]]), "b": torch.tensor([[0.0, 0.0], [3.0, 4.0]])}, pattern)
    assert found.tolist() == [8, 8]


def test_ranks_within_layers_are_shares_of_them():
    ranks = within_layers(
        torch.tensor([5.0, 1.0, 100.0, 300.0, 200.0, 400.0]), Channels({}, torch.tensor([0, 0, 1, 1, 1, 1]))
    )
    assert ranks.tolist() == [0.75, 0.25, 0.125, 0.625, 0.375, 0.875]


@pytest.mark.runs
@pytest.mark.parametrize("density", [0.25, 0.5])
def test_every_layer_loses_the_same_share(density):
    run = written(fpgm, notebook(density), interval=5)
    pattern = run.target.pattern
    assert pattern.breach(run.masks, density) is None
    live = squares(run.weights, pattern) > 0
    for layer in torch.unique(pattern.layers):
        inside = pattern.layers == layer
        assert abs(int(live[inside].sum()) - density * int(inside.sum())) <= 1


@pytest.mark.runs
def test_masks_are_renewed_and_filters_may_come_back():
    run, twin = written(fpgm, notebook(0.5, rate=0.5), interval=5), notebook(0.5, rate=0.5)
    assert [change.step for change in run.changes] == [0, 5, 10, 12]
    for steps, change in zip((0, 5, 5, 2), run.changes, strict=True):
        twin.train(steps)
        scores = within_layers(distances(twin.weights, twin.target.pattern), twin.target.pattern)
        twin.prune(keep_units(scores, twin.target, Masks.ones(twin.weights)))
        assert twin.masks == change.after
    assert same(state(run), state(twin))


@pytest.mark.runs
def test_at_density_one_fpgm_is_dense_training_bit_for_bit():
    run, dense = written(fpgm, notebook(1.0), interval=5), notebook(1.0)
    dense.train()
    assert same(state(run), state(dense))


@pytest.mark.parametrize("method", [group_norm, fpgm])
def test_other_patterns_have_no_channels(method):
    with pytest.raises(Inapplicable, match="prunes whole channels; ask for --pattern channels"):
        method(Notebook(0.5, "blocks:2x2"))
