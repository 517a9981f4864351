"""Weights that a loss does not depend on have the gradient 0, of every order."""

from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmark import Run, TensorData
from benchmark.contract.toy import toy
from benchmark.training.unused_weights import with_zero_gradients
from tests.support.networks import any_network
from tests.support.runs import PLAIN, toy_run


def two() -> tuple[Tensor, Tensor]:
    return torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, float("inf")], requires_grad=True)


def test_an_unused_weight_has_gradient_zero() -> None:
    used, unused = two()
    value = with_zero_gradients(used.square().sum(), [used, unused])
    assert float(value.detach()) == 5
    assert [g.tolist() for g in torch.autograd.grad(value, [used, unused])] == [[2, 4], [0, 0]]


def test_second_derivatives_exist() -> None:
    used, unused = two()
    first = torch.autograd.grad(with_zero_gradients((used**3).sum(), [used, unused]), [used, unused], create_graph=True)
    second = torch.autograd.grad(torch.stack([g.sum() for g in first]).sum(), [used, unused])
    assert [g.tolist() for g in second] == [[6, 12], [0, 0]]


def test_a_value_that_depends_on_nothing_has_gradients_too() -> None:
    _, unused = two()
    assert torch.autograd.grad(with_zero_gradients(torch.tensor(2.0), [unused]), [unused])[0].tolist() == [0, 0]


def test_a_value_that_depends_on_all_of_them_is_the_same_object() -> None:
    used, _ = two()
    value = (used * 2).sum()
    assert with_zero_gradients(value, [used]) is value
    assert with_zero_gradients(value, [used.detach()]) is value


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_gradients_are_those_without_the_unused_weights(uses: list[bool]) -> None:
    weights = [torch.tensor(float(place + 1), requires_grad=True) for place in range(len(uses))]
    value = sum((w**2 for w, use in zip(weights, uses, strict=True) if use), torch.zeros(()))
    grads = torch.autograd.grad(with_zero_gradients(value, weights), weights)
    assert [float(g) for g in grads] == [2.0 * (place + 1) if use else 0 for place, use in enumerate(uses)]


def any_run(model: str) -> Run:
    return toy_run(PLAIN, task=replace(any_network, models={"net": any_network.models[model]}))


def test_scoring_gives_unused_and_frozen_weights_the_gradient_zero() -> None:
    for model, name in (("unused-head", "aux.weight"), ("frozen-layer", "1.weight")):
        gradients = any_run(model).gradients()
        assert not bool(gradients.pop(name).any())
        assert all(bool(gradient.any()) for gradient in gradients.values())


def test_a_step_gives_them_the_gradient_zero() -> None:
    for model, name in (("unused-head", "aux.weight"), ("frozen-layer", "1.weight")):
        run = any_run(model)
        before = run.weights[name]
        for step in run.steps(1):
            assert not bool(step.grads[name].any())
        assert torch.equal(run.weights[name], before)  # not even weight decay has moved it


def test_an_edited_gradient_of_an_unused_weight_is_applied() -> None:
    run = any_run("unused-head")
    before = run.weights["aux.weight"]
    for step in run.steps(1):
        step.grads["aux.weight"].fill_(1.0)
    assert torch.allclose(run.weights["aux.weight"], before - PLAIN.rate)


def test_the_flow_has_a_gradient_for_unused_weights() -> None:
    run = any_run("unused-head")
    weights = {name: w.abs().double().requires_grad_() for name, w in run.weights.items()}
    gradients = dict(zip(weights, torch.autograd.grad(run.flow(weights), list(weights.values())), strict=True))
    assert not bool(gradients["aux.weight"].any())
    assert bool(gradients["out.weight"].all())


def test_running_statistics_score_as_in_eval_mode() -> None:
    """W = [[1, 0], [0, 1]], batch norm at its start, loss = sum of outputs: dL/dW = x summed, over sqrt(1 + eps)."""

    def model() -> nn.Module:
        net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2))
        with torch.no_grad():
            net[0].weight.copy_(torch.eye(2))
        return net

    task = replace(toy, models={"net": model}, loss=lambda net, batch: net(batch[0]).sum())
    data = TensorData(torch.tensor([[1.0, 2.0], [3.0, 5.0]]), torch.zeros(2))
    run = toy_run(replace(PLAIN, batch_size=2), task=replace(task, data=lambda folder: Rows(data)))
    running, batch = run.gradients(norms="running"), run.gradients()
    assert torch.allclose(running["0.weight"], torch.tensor([[4.0, 7.0], [4.0, 7.0]]) / (1 + 1e-5) ** 0.5)
    assert torch.allclose(batch["0.weight"], torch.zeros(2, 2), atol=1e-5)  # the sum over a normed batch is constant
    assert run._state.model.training
    assert all(module.training for module in run._state.model.modules())


class Rows:
    """Splits with a training part alone."""

    def __init__(self, train: TensorData) -> None:
        self.train = train


class Late(nn.Module):
    """The second parameter takes part once it is switched on."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Parameter(torch.zeros(1, 1)), nn.Parameter(torch.zeros(1, 1))
        self.on = False

    def forward(self, x: Tensor) -> Tensor:
        return self.first.sum() + (self.second.sum() if self.on else 0)


def test_momentum_of_a_parameter_starts_with_its_first_gradient() -> None:
    """Gradients of 1: the first parameter moves by rate (1 + 1.9 + 2.71), the second one later by rate (1 + 1.9)."""
    task = replace(toy, models={"net": Late}, loss=lambda net, batch: net(batch[0]), prunable=lambda net: ["first"])
    run = toy_run(replace(PLAIN, momentum=0.9), density=1.0, task=task)
    run.train(1)
    run._state.model.on = True
    run.train(2)
    assert torch.allclose(run.parameters["first"], torch.tensor([[-PLAIN.rate * 5.61]]))
    assert torch.allclose(run.parameters["second"], torch.tensor([[-PLAIN.rate * 2.9]]))
