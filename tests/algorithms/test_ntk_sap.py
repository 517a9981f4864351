"""NTK-SAP: its scores in closed form on a linear network, and all that it does not look at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from benchmark.algorithms.ntk_sap import ntk_sap, sensitivities
from torch import Tensor, nn

from benchmark import Masks, Splits, Task, TensorData, keep_top
from benchmark.contract.toy import toy
from benchmark.harness.controls import random_labels
from benchmark.harness.network import build
from tests.support.notebook import RECIPE, Notebook, same, smooth, state, written

ONLY_SCORE = replace(RECIPE, steps=0)


def noted(
    density: float = 0.2, pattern: str = "global", task: Task = smooth, seed: int = 0, order: int = 0, **kinds: object
) -> Notebook:
    """A notebook whose other draws of the network depend on the stream's name alone.

    Args:
        seed: of the weights that training starts from.
        order: of the batches.
    """
    run = Notebook(density, pattern, replace(ONLY_SCORE, **kinds), order, task)
    run._state.draw = lambda name: build(task, "net", sum(name.encode()))
    run.restore(replace(run.snapshot(), state=build(task, "net", seed).state_dict()))
    return run


def linear() -> Task:
    """The network f(x) = A B x of 3 inputs, 4 hidden units and 2 outputs, in float64."""
    inputs = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    data = TensorData(inputs, torch.arange(40) % 2, transform=lambda stored: stored)
    net = lambda: nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False)).double()  # noqa: E731
    return replace(toy, models={"net": net}, data=lambda folder: Splits(data, data, data))


def by_hand(names: list[str], masks: Masks, epsilon: float) -> dict[str, Tensor]:
    """With D = A B - A' B', the derivative of |D X|^2 by a gate of A is 2 D X (A B X - A' B' X)^T, entry by entry."""
    rng, b, a = noted(task=linear()).rng, masks["0.weight"].double(), masks["1.weight"].double()
    sums = {"0.weight": torch.zeros(4, 3).double(), "1.weight": torch.zeros(2, 4).double()}
    for name in names:
        inputs = torch.Generator().manual_seed(int(torch.randint(2**31, (), generator=rng)))
        x = torch.randn(32, 3, generator=inputs).double().T
        first, last = (w.detach() for w in build(linear(), "net", sum(name.encode())).parameters())
        first_, last_ = (w + epsilon * torch.randn(w.shape, generator=rng).double() for w in (first, last))
        moved = ((last * a) @ (first * b) - (last_ * a) @ (first_ * b)) @ x
        slope = last * (moved @ (first * b @ x).T) - last_ * (moved @ (first_ * b @ x).T)
        sums["1.weight"] += 2 * a * slope
        slope = first * ((last * a).T @ moved @ x.T) - first_ * ((last_ * a).T @ moved @ x.T)
        sums["0.weight"] += 2 * b * slope
    return sums


def test_the_score_in_closed_form_on_a_linear_network():
    run, names = noted(task=linear()), ["one", "two"]
    draw = torch.Generator().manual_seed(1)
    masks = Masks({name: torch.rand(w.shape, generator=draw) < 0.7 for name, w in run.weights.items()})
    found, expected = sensitivities(run, masks, names, 0.1), by_hand(names, masks, 0.1)
    for name, value in expected.items():
        torch.testing.assert_close(found[name].double(), value, rtol=1e-5, atol=1e-6)
        assert torch.equal(found[name] != 0, masks[name])


def test_pruned_weights_do_not_come_back_and_each_round_draws_another_network():
    run, twin, drawn = noted(0.25, task=linear()), noted(0.25, task=linear()), []
    draw = run._state.draw
    run._state.draw = lambda name: (drawn.append(name), draw(name))[1]
    written(ntk_sap, run, rounds=2, repeats=2)
    masks, rounds = twin.masks, [drawn[:2], drawn[2:]]
    for names, density in zip(rounds, (0.5, 0.25), strict=True):
        slopes = sensitivities(twin, masks, names, 0.01)
        masks = keep_top({name: s.abs() for name, s in slopes.items()}, twin.target.with_density(density), masks)
    assert run.masks == masks
    assert len(set(drawn)) == 4


def test_it_does_not_look_at_the_weights_that_it_prunes():
    one, other = noted(seed=0), noted(seed=1)
    assert not same(one.weights, other.weights)
    assert written(ntk_sap, one, rounds=3).masks == written(ntk_sap, other, rounds=3).masks


def test_it_does_not_look_at_labels_or_inputs():
    plain, permuted = written(ntk_sap, noted(), rounds=3), noted()
    random_labels(permuted, lambda run: ntk_sap(run, rounds=3))
    data = smooth.data(Path())
    others = TensorData(7 * data.train.batch(torch.arange(200))[0], torch.zeros(200, dtype=torch.int64))
    elsewhere = replace(smooth, data=lambda folder: Splits(others, data.validation, data.test))
    fed = written(ntk_sap, noted(task=elsewhere), rounds=3)
    assert plain.masks == permuted.masks == fed.masks


def test_it_has_random_numbers_of_its_own():
    assert written(ntk_sap, noted(order=0), rounds=1).masks != written(ntk_sap, noted(order=1), rounds=1).masks


@pytest.mark.parametrize(("pattern", "density"), [("layer", 0.2), ("2:4", 0.5), ("blocks:2x2", 0.5), ("channels", 0.5)])
def test_every_pattern_is_kept(pattern, density):
    run = written(ntk_sap, noted(density, pattern), rounds=2)
    assert run.target.pattern.breach(run.masks, density) is None


def test_scoring_leaves_the_network_as_it_is_and_is_on_the_bill():
    run, fresh = noted(1.0), state(noted(1.0))
    ntk_sap(run, rounds=2, repeats=3)
    assert same(state(run), fresh)
    meter = run._state.meter
    assert len(meter.redrawn) == 6
    one = noted(1.0)
    one.gradients(1)
    assert meter.scoring_passes >= 6 * 2
    assert meter.scoring_flops > 6 * one._state.meter.scoring_flops


@pytest.mark.runs
def test_training_starts_from_the_weights_of_the_network():
    run = noted(steps=12)
    initial = run.weights
    written(ntk_sap, run, rounds=2)
    (start,) = run.trainings
    assert same(start, {name: weight * run.masks[name] for name, weight in initial.items()})
