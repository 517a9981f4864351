"""Fisher pruning against an explicit inverse; Taylor scores against the gradients of gates."""

from __future__ import annotations

import pytest
import torch
from benchmark.algorithms import fisher, taylor

from benchmark import Channels, Masks, Target, keep_units, unit_sums
from benchmark.contract import trial
from tests.support.runs import toy_run


def gradients(count: int, size: int, seed: int = 0) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(size, generator=draw) for _ in range(count)]


@pytest.mark.parametrize("block", [1, 3, 7])
def test_blocks_are_those_of_an_explicit_inverse(block):
    """F = damping I + sum of g g^T / m, block by block; the last block is short."""
    found, several = fisher.begun(torch.zeros(7), block, 0.1), gradients(5, 7)
    for gradient in several:
        found.add(gradient, 5)
    whole = 0.1 * torch.eye(7, dtype=torch.float64) + sum(torch.outer(g, g).double() for g in several) / 5
    weight = torch.arange(1.0, 8)
    saliency = torch.empty(7, dtype=torch.float64)
    correction = torch.zeros(7, dtype=torch.float64)
    gone = torch.tensor([True, False, True, False, False, True, True])
    for first in range(0, 7, block):
        part = slice(first, min(first + block, 7))
        inverse = torch.linalg.inv(whole[part, part])
        saliency[part] = weight[part].double() ** 2 / (2 * inverse.diagonal())
        for at in range(part.start, part.stop):
            if gone[at]:
                own = at - part.start
                correction[part] -= weight[at].double() / inverse[own, own] * inverse[:, own]
    torch.testing.assert_close(found.saliency(weight), saliency)
    torch.testing.assert_close(found.correction(weight, gone), correction.float())


def test_scores_and_weights_of_the_released_code():
    """IST-DASLab/WoodFisher@d4b1a96, pruners/woodfisherblock.py, in blocks of 3 and 2; its scores are twice as large.

    At sparsity .2 its threshold removes int(.2 * 5) + 1 weights, whose corrections are added up.
    """
    weight, gone = torch.tensor([2.0, -1.0, 0.5, 3.0, -1.5]), torch.tensor([False, True, True, False, False])
    found = fisher.begun(weight, 3, 0.1)
    for gradient in ([1.0, 2, 0, -1, 1], [0.0, 1, -1, 2, 1], [2.0, -1, 1, 0, -2], [1.0, 1, 1, -2, 0]):
        found.add(torch.tensor(gradient), 4)
    scores = torch.tensor([3.2543, 1.54044, 0.106, 20.79844, 3.54016], dtype=torch.float64)
    torch.testing.assert_close(2 * found.saliency(weight), scores, rtol=1e-4, atol=1e-4)
    corrected = torch.tensor([1.74865, -0.10138, 0.73668, 3.0, -1.5])
    torch.testing.assert_close(weight + found.correction(weight, gone), corrected, rtol=1e-4, atol=1e-4)


def test_a_weight_that_goes_alone_is_corrected_to_zero():
    found = fisher.begun(torch.zeros(4), 4, 0.1)
    for gradient in gradients(6, 4):
        found.add(gradient, 6)
    weight, gone = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([False, True, False, False])
    assert float((weight + found.correction(weight, gone))[1]) == pytest.approx(0, abs=1e-5)


@pytest.mark.runs
def test_blocks_of_one_without_correction_are_optimal_brain_damage():
    """w^2 (damping + mean g^2) / 2, by gradients taken one by one."""
    run, twin = toy_run(density=0.3), toy_run(density=0.3)
    run._state.trained = twin._state.trained = True
    several = list(twin.example_gradients(20))
    squares = {n: torch.stack([one[n] for one in several]).double().square().mean(dim=0) for n in twin.weights}
    inverses = fisher.inverse_fisher(run, 1, 20, 1, 1e-7)
    for name, weight in run.weights.items():
        expected = weight.double() ** 2 * (1e-7 + squares[name]) / 2
        torch.testing.assert_close(inverses[name].saliency(weight), expected, rtol=1e-4, atol=1e-12)


@pytest.mark.runs
def test_gradients_of_pruned_weights_do_not_count():
    run = toy_run(density=0.5)
    run.prune(run.target.pattern.keep({n: w.abs() for n, w in run.weights.items()}, 0.5))
    inverses = fisher.inverse_fisher(run, 8, 10, 1, 0.5)
    for name, mask in run.masks.items():
        dead = ~mask.flatten()
        diagonal = inverses[name]._diagonal.flatten()[: dead.numel()]
        torch.testing.assert_close(diagonal[dead], torch.full_like(diagonal[dead], 2.0))


@pytest.mark.runs
@pytest.mark.parametrize("options", [{}, {"rounds": 3}, {"correct": False}, {"block": 1}])
def test_every_way_of_it_keeps_exactly_what_is_asked(options):
    record = trial.record("fisher", sparsity=0.7, examples=32, **options)
    assert (record.status, record.error) == ("ok", None)
    assert bool(record.notes) == (options not in ({"correct": False}, {"block": 1}))  # a block of one has no others


def test_the_square_of_a_sum_is_not_the_sum_of_squares():
    """Two channels: one whose changes cancel, and a weaker one whose changes add up."""
    members = {"w": (torch.tensor([[0], [1]]),)}
    pattern = Channels(members, torch.tensor([0, 0]))
    target = Target(0.5, pattern)
    changes = {"w": torch.tensor([[5.0, -5.0], [1.0, 1.0]])}
    assert unit_sums(changes, target).tolist() == [0.0, 2.0]
    kept = keep_units(unit_sums(changes, target) ** 2, target, Masks.ones(changes))
    assert kept["w"].tolist() == [[False, False], [True, True]]


def test_the_changes_of_a_channel_add_up_to_twice_the_gradient_of_a_gate_behind_it():
    """The gate of NVlabs/Taylor_pruning@4b70120, layers/gate_layer.py; without biases."""
    draw = torch.Generator().manual_seed(0)
    weights = {
        name: torch.randn(shape, generator=draw).requires_grad_() for name, shape in (("a", (3, 2)), ("b", (2, 3)))
    }
    gate, inputs = torch.ones(3, requires_grad=True), torch.randn(5, 2, generator=draw)
    (gate * (inputs @ weights["a"].T).relu() @ weights["b"].T).square().mean().backward()
    members = {"a": (torch.tensor([[0], [1], [2]]),), "b": (torch.tensor([[0, 1, 2]]),)}
    changes = {name: weight.detach() * weight.grad for name, weight in weights.items()}
    sums = unit_sums(changes, Target(0.5, Channels(members, torch.zeros(3, dtype=torch.int64))))
    torch.testing.assert_close(sums, 2 * gate.grad.double(), rtol=1e-5, atol=1e-6)


@pytest.mark.runs
def test_taylor_scores_are_mean_squares_of_gate_gradients():
    run, twin = toy_run(density=0.3), toy_run(density=0.3)
    masks = taylor.most_important(run, 4, Target(0.3))
    total = dict.fromkeys(twin.weights, 0.0)
    for _ in range(4):
        gates = {name: torch.ones_like(w, requires_grad=True) for name, w in twin.weights.items()}
        used = {name: gates[name] * w for name, w in twin.weights.items()}
        found = torch.autograd.grad(twin.loss(twin.batches(1)[0], used), list(gates.values()))
        total = {n: total[n] + g.double() ** 2 for n, g in zip(gates, found, strict=True)}
    flat, kept = torch.cat([t.flatten() for t in total.values()]), torch.cat([m.flatten() for m in masks.values()])
    assert int(kept.sum()) == 115
    assert flat[kept].min() >= flat[~kept].max() * (1 - 1e-5)


@pytest.mark.runs
@pytest.mark.parametrize("pattern", ["channels", "blocks:2x2", "2:4", "layer"])
def test_taylor_keeps_what_each_pattern_asks(pattern):
    record = trial.record("taylor", pattern, 0.5, rounds=2)
    assert (record.status, record.error) == ("ok", None)
