"""Powerpropagation: the reparameterisation on four numbers, and the methods that train through it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms._powered import Trained, powered, raised
from benchmark.algorithms.gmp import gmp
from benchmark.algorithms.imp import imp
from benchmark.algorithms.magnitude import magnitude

from benchmark.plugins import registry
from tests.support.notebook import RECIPE, SIZES, Notebook, after, same, state

PLAIN = replace(RECIPE, momentum=0.0, weight_decay=0.0)
METHODS = pytest.mark.parametrize("method", [magnitude, gmp, imp])

# --- on four numbers --------------------------------------------------------------------------------------------------


def test_weights_are_signed_powers_and_their_gradients_shrink_with_them():
    theta = torch.tensor([2.0, -0.5, 0.0, -3.0], requires_grad=True)
    used = raised({"fc": theta}, {"fc": None}, 2.0)["fc"]
    assert used.tolist() == [4.0, -0.25, 0.0, -9.0]
    (gradient,) = torch.autograd.grad((used * torch.tensor([1.0, 2.0, 3.0, -4.0])).sum(), theta)
    assert gradient.tolist() == [4.0, 2.0, 0.0, -24.0]  # 2 |theta| times that of w


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0, 4.0])
def test_the_power_is_undone_by_its_inverse_and_zero_has_a_gradient(power):
    weights = {"fc": torch.tensor([2.0, -0.5, 0.0, -3.0], dtype=torch.float64)}
    theta = raised(weights, weights, 1 / power)["fc"].requires_grad_()
    back = raised({"fc": theta}, weights, power)["fc"]
    torch.testing.assert_close(back, weights["fc"])
    (gradient,) = torch.autograd.grad(back.sum(), theta)
    assert gradient.isfinite().all()


def test_what_is_not_prunable_is_trained_as_it_is():
    bias = torch.tensor([-2.0])
    assert raised({"bias": bias}, {"fc": None}, 3.0)["bias"] is bias


# --- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.runs
def test_with_power_one_it_is_plain_training_bit_for_bit():
    """Through the reparameterisation, which the methods leave out there."""
    run, dense = Notebook(1.0), Notebook(1.0)
    dense.train()
    with run.learning(raised(run.parameters, run.masks, 1.0), lambda t: raised(t, run.masks, 1.0)) as thetas:
        run.train()
    learned = {name: value.detach() for name, value in thetas.items()}
    assert same(learned, dense.parameters)
    assert same(dict(run._state.model.named_buffers()), dict(dense._state.model.named_buffers()))


@pytest.mark.runs
@METHODS
def test_the_default_is_plain_and_leaves_no_remark_and_no_option(method):
    plain, one = after(method), after(method, power=1.0)
    assert same(state(plain), state(one))
    assert plain._state.written.names == []
    assert "power" not in registry.algorithm(method.name).written(method.resolve({}), lambda: None)
    assert method.written(method.resolve({"power": 2}), lambda: None)["power"] == 2.0


@pytest.mark.runs
def test_a_step_on_paper():
    """theta falls by rate alpha |theta|^(alpha - 1) dL/dw, from sign(w) |w|^(1 / alpha)."""
    run, twin = Notebook(1.0, recipe=PLAIN), Notebook(1.0, recipe=PLAIN)
    (slopes,) = [dict(step.grads) for step in twin.steps(1)]
    start = Notebook().weights
    with powered(run, 3.0):
        run.train(1)
    for name in SIZES:
        theta = start[name].sign() * start[name].abs() ** (1 / 3)
        moved = theta - PLAIN.rate * 3 * theta.abs() ** 2 * slopes[name]
        torch.testing.assert_close(run.weights[name], moved**3, atol=1e-6, rtol=1e-4)


@pytest.mark.runs
@METHODS
@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5)])
def test_the_largest_weights_stay_and_pruned_ones_are_zero(method, pattern, density):
    run = after(method, density, pattern, power=2.0)
    assert run.target.pattern.breach(run.masks, density) is None
    assert all(not weight[~run.masks[name]].any() for name, weight in run.weights.items())
    assert all(weight[run.masks[name]].any() for name, weight in run.weights.items())
    assert run.masks != after(method, density, pattern).masks


@pytest.mark.runs
def test_it_makes_small_weights_smaller():
    """A larger share of the final weights lies below a hundredth of the largest."""

    def small(power: float) -> float:
        run = Notebook(1.0, recipe=replace(RECIPE, steps=100))
        with powered(run, power):
            run.train()
        return sum(float((w.abs() < 0.01 * w.abs().max()).double().mean()) for w in run.weights.values())

    assert small(3.0) > 2 * small(1.0)


@pytest.mark.runs
@pytest.mark.parametrize("retrain", ["weights", "rate", "finetune"])
def test_imp_goes_back_to_what_was_trained_early(retrain):
    run = after(imp, 0.5, power=2.0, fraction=0.5, retrain=retrain, rewind=0.5)
    assert run.masks.kept == 192
    assert run._state.meter.updates == RECIPE.steps + (12 - 6)


@pytest.mark.runs
def test_restoring_gives_the_same_training_again():
    run = Notebook(1.0)
    with powered(run, 2.0) as trained:
        early = trained.snapshot()
        run.train()
        first = trained.weights
        trained.restore(early)
        assert not same(trained.weights, first)
        run.train()
        assert same(trained.weights, first)
    assert same(run.weights, first)
    assert isinstance(trained, Trained)
