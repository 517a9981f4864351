"""PHEW: where walks go, with which probability, and what is kept of what they pass."""

from __future__ import annotations

import pytest
import torch
from benchmark.algorithms import phew as module
from benchmark.algorithms._walks import Crossing, carried, crossings, stages, turned, walks
from benchmark.algorithms.phew import first_passed, phew, ranked
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark import Inapplicable, Target, keep_top
from tests.support.notebook import after


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shares(weight: Tensor, unit: int, *, back: bool, count: int = 40_000) -> Tensor:
    """How often each weight is taken from a unit, of the weight's shape."""
    places, _ = Crossing(weight, back=back).crossed(torch.full((count,), unit), draws())
    return torch.bincount(places, minlength=weight.numel()).view(weight.shape) / count


# --- on four numbers --------------------------------------------------------------------------------------------------

FOUR = torch.tensor([[1.0, -2.0], [3.0, 2.0]])
"""[outputs, inputs]."""


def test_weights_are_taken_in_proportion_to_their_size():
    close = {"atol": 0.01, "rtol": 0.0}
    torch.testing.assert_close(shares(FOUR, 0, back=False), torch.tensor([[0.25, 0.0], [0.75, 0.0]]), **close)
    torch.testing.assert_close(shares(FOUR, 1, back=False), torch.tensor([[0.0, 0.5], [0.0, 0.5]]), **close)
    torch.testing.assert_close(shares(FOUR, 1, back=True), torch.tensor([[0.0, 0.0], [0.6, 0.4]]), **close)


def test_of_a_convolution_channel_and_place_are_drawn_at_once():
    """As the authors do in two draws: a kernel by its sum of |w|, then a place in it by |w|."""
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0, 0.0, 5.0, 6.0, 9.0]).view(2, 2, 1, 2)
    expected = torch.tensor([1.0, 2.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0]).view_as(weight) / 8
    torch.testing.assert_close(shares(weight, 0, back=False), expected, atol=0.01, rtol=0.0)
    expected = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 6.0, 9.0]).view_as(weight) / 20
    torch.testing.assert_close(shares(weight, 1, back=True), expected, atol=0.01, rtol=0.0)


def test_a_unit_without_weights_takes_any():
    weight = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    torch.testing.assert_close(shares(weight, 0, back=False)[:, 0], torch.tensor([0.5, 0.5]), atol=0.01, rtol=0.0)


# --- the way ----------------------------------------------------------------------------------------------------------


def test_walks_go_on_where_they_have_come():
    weights = {"a": torch.rand(4, 3), "b": torch.rand(2, 4), "c": torch.rand(3, 2 * 5)}
    for back, starts in ((False, 3), (True, 3)):
        route = turned(stages({n: w.shape for n, w in weights.items()})) if back else stages(shapes(weights))
        names, places = [], []
        for name, which, at in walks(route, crossings(weights, back=back), torch.arange(60) % starts, draws()):
            assert which.tolist() == list(range(60))
            names.append(name)
            places.append((at // weights[name].shape[1], at % weights[name].shape[1]))
        ends = dict(zip(names, places, strict=True))
        assert names == (["c", "b", "a"] if back else ["a", "b", "c"])
        assert torch.equal(ends["c" if back else "a"][0 if back else 1], torch.arange(60) % 3)
        assert torch.equal(ends["a"][0], ends["b"][1])
        assert torch.equal(ends["b"][0], ends["c"][1] // 5)  # five positions of a channel, flattened
        assert len(torch.unique(ends["c"][1] % 5)) == 5


def shapes(weights: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in weights.items()}


def test_into_another_width_walks_go_at_random():
    assert set(carried(torch.zeros(100, dtype=torch.int64), 2, 3, draws()).tolist()) == {0, 1, 2}


def test_a_projection_is_another_way():
    plain, wider = {"0.a": (4, 4, 3, 3), "0.b": (4, 4, 3, 3)}, {"1.a": (8, 4, 3, 3), "1.b": (8, 8, 3, 3)}
    found = stages({"stem": (4, 3, 3, 3), **plain, **wider, "1.short": (8, 4, 1, 1), "fc": (2, 8)})
    assert found == [(("stem",),), (("0.a",),), (("0.b",),), (("1.a", "1.b"), ("1.short",)), (("fc",),)]
    assert turned(found)[:2] == [(("fc",),), (("1.b", "1.a"), ("1.short",))]


def test_a_walk_takes_one_of_two_ways():
    weights = {"a": torch.rand(6, 3), "b": torch.rand(6, 6), "short": torch.rand(6, 3)}
    seen = list(walks(stages(shapes(weights)), crossings(weights, back=False), torch.arange(90) % 3, draws()))
    by_name = {name: set(which.tolist()) for name, which, _ in seen}
    assert by_name["a"] == by_name["b"]
    assert by_name["a"] | by_name["short"] == set(range(90))
    assert not by_name["a"] & by_name["short"]
    assert 25 < len(by_name["a"]) < 65


# --- what is kept -----------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(0, 2**16), st.floats(0.05, 0.6))
def test_what_is_kept_is_made_of_whole_walks_and_the_last_one(seed, density):
    """Every kept weight but those of one walk lies on a kept path from an input to an output."""
    draw = draws(seed)
    weights = {"a": torch.randn(6, 5, generator=draw), "b": torch.randn(4, 6, generator=draw)}
    target = Target(density)
    times = first_passed(weights, target, draw)
    masks = keep_top(ranked(times, weights), target)
    assert masks.kept == round(density * 54)
    live = masks["a"].any(dim=1)
    read = masks["b"].any(dim=0)
    loose = int((masks["a"] & ~read[:, None]).sum()) + int((masks["b"] & ~live[None, :]).sum())
    assert loose <= 1
    assert max(float(times[name][mask].max()) for name, mask in masks.items() if mask.any()) < torch.inf


def test_what_is_never_passed_is_kept_by_size():
    times = {"a": torch.tensor([[5.0, torch.inf], [torch.inf, 2.0]])}
    scores = ranked(times, {"a": torch.tensor([[0.1, 0.2], [0.3, 0.4]])})["a"]
    assert scores.flatten().argsort(descending=True).tolist() == [3, 0, 2, 1]


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5), ("fan-in", 0.2)])
def test_every_pattern_of_single_weights_is_kept(pattern, density):
    run = after(phew, density, pattern)
    assert run.target.pattern.breach(run.masks, density) is None
    assert run._state.log.noted == {"not_passed": 0}


def test_channels_are_refused():
    with pytest.raises(Inapplicable, match="walks pass single weights"):
        after(phew, 0.5, "channels")


@pytest.mark.runs
def test_without_walks_the_largest_weights_are_kept(monkeypatch):
    monkeypatch.setattr(module, "VISITS", 0)
    run = after(phew, 0.5)
    first = run.changes[0]
    assert run.masks == keep_top({name: w.abs() for name, w in first.weights.items()}, run.target)
    assert run._state.log.noted == {"not_passed": 192}
