"""Diagonals of the Fisher matrix and of the Hessian at initialisation, against whole matrices."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from benchmark.algorithms import curvature as module
from benchmark.algorithms.curvature import curvature, fisher, hutchinson, ranked, warm_up
from torch import Tensor, nn
from torch.func import functional_call

from benchmark import Splits, Task, TensorData, keep_top
from tests.support.notebook import RECIPE, Notebook, after, same, smooth, state, written

ONLY_SCORE = replace(RECIPE, steps=0)
WEIGHTS = {"fc": torch.tensor([1.0, -2.0, 0.5, 3.0])}
SLOPES = {"fc": torch.tensor([1.0, 1.0, -4.0, -2.0])}
CURVED = {"fc": torch.tensor([2.0, 0.5, 8.0, -1.0])}


def task(inputs: int = 3, units: int = 4) -> Task:
    """A small net in float64 that knows 2 classes."""
    draw = torch.Generator().manual_seed(0)
    data = TensorData(
        torch.randn(40, inputs, generator=draw, dtype=torch.float64), torch.arange(40) % 2, transform=lambda kept: kept
    )
    net = {"net": lambda: nn.Sequential(nn.Linear(inputs, units), nn.Tanh(), nn.Linear(units, 2)).double()}
    return replace(smooth, models=net, data=lambda folder: Splits(data, data, data))


def flat(values: dict[str, Tensor]) -> Tensor:
    return torch.cat([value.flatten() for value in values.values()])


def loss_of(run: Notebook, flat_weights: Tensor, inputs: Tensor, labels: Tensor, temperature: float = 1.0) -> Tensor:
    """Of the network called by torch's own functions, as a function of all prunable weights in one vector."""
    shapes = {name: weight.shape for name, weight in run.weights.items()}
    pieces = flat_weights.split([shape.numel() for shape in shapes.values()])
    weights = {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
    outputs = functional_call(run._state.model, {**run.parameters, **weights}, (inputs,))
    return nn.functional.cross_entropy(outputs / temperature, labels)


# --- on four numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "expected"),
    [("diagonal", [2.0, 0.5, 8.0, -1.0]), ("obd", [1.0, 1.0, 1.0, -4.5]), ("taylor", [2.0, 1.0, 1.0, 10.5])],
)
def test_scores_on_four_numbers(score, expected):
    assert ranked(score, WEIGHTS, SLOPES, CURVED)["fc"].tolist() == expected


# --- against whole matrices -------------------------------------------------------------------------------------------


def test_fisher_is_the_mean_square_of_the_gradients_of_single_examples():
    run = Notebook(task=task())
    parts, weights = run.balanced(7, most=1), run.weights
    gradient, square = fisher(run, parts, weights, 1.0)
    each = []
    for part in parts:
        at = flat(weights).requires_grad_()
        each += torch.autograd.grad(loss_of(run, at, *part.batch), at)
    assert len(each) == 14
    torch.testing.assert_close(flat(gradient), torch.stack(each).mean(dim=0))
    torch.testing.assert_close(flat(square), torch.stack(each).square().mean(dim=0))


@pytest.mark.parametrize("most", [4, None])
def test_the_mean_over_all_signs_is_the_diagonal_of_the_hessian(most, monkeypatch):
    """Of 8 weights all 256 sign vectors, in place of random ones."""
    run = Notebook(task=task(2, 2))
    parts, weights = run.balanced(4, most=most), run.weights
    every = iter(list(product([0.25, 0.75], repeat=8)) * len(parts))

    def next_signs(like: dict[str, Tensor], rng: torch.Generator) -> dict[str, Tensor]:
        pieces = torch.tensor(next(every), dtype=torch.float64).split([w.numel() for w in like.values()])
        return {name: piece.view(w.shape) for (name, w), piece in zip(like.items(), pieces, strict=True)}

    monkeypatch.setattr(module, "noise", next_signs)
    gradient, diagonal = hutchinson(run, parts, weights, 2.0, 256)
    inputs, labels = (torch.cat(pieces) for pieces in zip(*(part.batch for part in parts), strict=True))
    at = flat(weights)
    whole = torch.autograd.functional.hessian(lambda w: loss_of(run, w, inputs, labels, 2.0), at)
    torch.testing.assert_close(flat(diagonal), whole.diagonal())
    slope = torch.autograd.functional.jacobian(lambda w: loss_of(run, w, inputs, labels, 2.0), at)
    torch.testing.assert_close(flat(gradient), slope)


def test_random_signs_come_near():
    run = Notebook(task=task())
    (part,), weights = run.balanced(10), run.weights
    _, diagonal = hutchinson(run, [part], weights, 1.0, 3000)
    whole = torch.autograd.functional.hessian(lambda w: loss_of(run, w, *part.batch), flat(weights))
    torch.testing.assert_close(flat(diagonal), whole.diagonal(), atol=0.02, rtol=0)


# --- the method -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("diagonal", ["fisher", "hutchinson"])
@pytest.mark.parametrize("score", ["diagonal", "obd", "taylor"])
def test_the_highest_scores_stay(diagonal, score):
    run, twin = Notebook(0.3, recipe=ONLY_SCORE), Notebook(0.3)
    written(curvature, run, diagonal=diagonal, score=score, samples=4, temperature=2.0)
    weights = twin.weights
    if diagonal == "fisher":
        found = fisher(twin, twin.balanced(4, most=1), weights, 2.0)
    else:
        found = hutchinson(twin, twin.balanced(4, most=128), weights, 2.0, 10)
    assert run.masks == keep_top(ranked(score, weights, *found), run.target)


@pytest.mark.parametrize(("pattern", "density"), [("layer", 0.2), ("2:4", 0.5), ("blocks:2x2", 0.5), ("channels", 0.5)])
def test_every_pattern_is_kept(pattern, density):
    run = written(curvature, Notebook(density, pattern, ONLY_SCORE), samples=2)
    assert run.target.pattern.breach(run.masks, density) is None


def test_every_gradient_is_on_the_bill():
    run = written(curvature, Notebook(recipe=ONLY_SCORE), samples=3)
    assert run._state.meter.scoring_passes == 6
    one = Notebook(recipe=ONLY_SCORE)
    one.gradients(1)
    assert run._state.meter.scoring_flops == pytest.approx(one._state.meter.scoring_flops * 6 / 32)


@pytest.mark.runs
def test_warming_up_changes_the_statistics_of_norms_and_nothing_else():
    run, fresh, seen = Notebook(), state(Notebook()), Notebook()
    warm_up(run, 3)
    changed = {name for name, value in state(run).items() if not torch.equal(value, fresh[name])}
    assert changed == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert run.clock == 0
    mean = torch.zeros(16)
    for step in range(3):
        inputs, _ = seen.data.batch(seen._state.engine.batches.index(step))
        mean += 0.1 * (seen._state.model[0](inputs).detach().mean(dim=0) - mean)
    torch.testing.assert_close(state(run)["1.running_mean"], mean)


@pytest.mark.runs
def test_warm_statistics_give_other_masks_and_no_remark():
    cold, warm = after(curvature, samples=3), after(curvature, samples=3, warm=4)
    assert cold.masks != warm.masks
    assert warm._state.notes == []
    assert warm._state.meter.training_steps == RECIPE.steps + 4


@pytest.mark.runs
def test_training_starts_from_the_initial_weights():
    run, initial = after(curvature), Notebook().weights
    assert same(run.trainings[-1], {name: weight * run.masks[name] for name, weight in initial.items()})
