"""`run.loss`, `gradients`, `flow` and `balanced`, on four numbers and against autograd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from benchmark import Masks, Recipe, Run, Target, TensorData
from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.training.run_state import RunState
from tests.support.runs import (
    PLAIN,
    four_numbers,
    leaves,
    still,
    toy_run,
)


def test_gradients_on_paper():
    run = four_numbers([[1.0, -1.0]])
    assert run.gradients(1)["0.weight"].tolist() == [[-1.0, 1.0], [-1.0, 1.0]]
    assert float(run.loss(run.batches(1)[0])) == 1.0


def test_gradients_are_the_mean_over_the_next_batches():
    run, twin = (four_numbers([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [1.0, -1.0]]) for _ in range(2))
    batches = [points for points, _ in twin.batches(3)]
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    expected = torch.stack([(weight @ x.T) @ x for x in batches]).mean(dim=0)
    torch.testing.assert_close(run.gradients(3)["0.weight"], expected)
    (fourth,) = twin.batches(1)
    torch.testing.assert_close(run.gradients(1)["0.weight"], (weight @ fourth[0].T) @ fourth[0])


def test_gradients_reach_pruned_weights():
    run = four_numbers([[1.0, -1.0]])
    run.prune(Masks({"0.weight": torch.tensor([[True, False], [False, True]])}))
    assert run.gradients(1)["0.weight"].tolist() == [[1.0, -1.0], [-4.0, 4.0]]


def test_the_loss_is_differentiable_in_the_weights_handed_in():
    run = four_numbers([[1.0, -1.0]])
    weight = torch.tensor([[1.0, 0.0], [0.0, 0.0]], requires_grad=True)
    loss = run.loss(run.batches(1)[0], {"0.weight": weight})
    loss.backward()
    assert loss.item() == 0.5
    assert weight.grad.tolist() == [[1.0, -1.0], [0.0, 0.0]]


def test_the_loss_is_twice_differentiable():
    run = four_numbers([[1.0, -1.0]])
    weight = run.weights["0.weight"].requires_grad_()
    (grad,) = torch.autograd.grad(run.loss(run.batches(1)[0], {"0.weight": weight}), weight, create_graph=True)
    (product,) = torch.autograd.grad((grad * torch.tensor([[1.0, 0.0], [0.0, 0.0]])).sum(), weight)
    assert product.tolist() == [[1.0, -1.0], [0.0, 0.0]]


def functional(model: nn.Module, weights: dict[str, Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda points: torch.func.functional_call(model, weights, (points,))


def test_gradients_agree_with_autograd_on_the_toy():
    run = toy_run(task=replace(toy, models={"net": still}))
    weights = leaves(run)
    found = toy_run(task=run.task).gradients(1)
    loss = toy.loss(functional(run._state.model, weights), run.batches(1)[0])
    expected = torch.autograd.grad(loss, list(weights.values()))
    for name, grad in zip(found, expected, strict=True):
        torch.testing.assert_close(found[name], grad)


def test_a_temperature_divides_the_outputs():
    """|W x / T|^2 / 2 has a T^2-th of the loss and of the gradient."""
    run = four_numbers([[1.0, -1.0]])
    weight = run.weights["0.weight"].requires_grad_()
    loss = run.loss(run.batches(1)[0], {"0.weight": weight}, temperature=10.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.01)
    torch.testing.assert_close(weight.grad, torch.tensor([[-1.0, 1.0], [-1.0, 1.0]]) / 100)
    assert run.loss(run.batches(1)[0]).item() == 1.0


def test_flow_is_the_summed_output_for_an_input_of_ones():
    """Whatever the data are: 1^T W 1 = 1 + 2 + 3 + 4, with a derivative of one everywhere."""
    run = four_numbers([[5.0, -7.0], [0.0, 0.0]])
    weight = run.weights["0.weight"].double().requires_grad_()
    flow = run.flow({"0.weight": weight})
    flow.backward()
    assert flow.item() == 10.0
    assert weight.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert weight.grad.dtype == torch.float64


def test_flow_takes_biases_and_norms_by_their_absolute_value_in_eval_mode():
    def model() -> nn.Module:
        net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1, eps=1e-9), nn.Dropout(0.5))
        nn.init.constant_(net[0].bias, -3.0)
        net[1].load_state_dict(
            {"weight": torch.tensor([-2.0]), "bias": torch.tensor([-1.0]), "running_mean": torch.tensor([-5.0])}
            | {"running_var": torch.tensor([4.0]), "num_batches_tracked": torch.tensor(0)}
        )
        return net

    task = replace(toy, models={"net": model}, loss=lambda net, batch: net(batch[0]).mean())
    data = TensorData(torch.zeros(4, 2), torch.zeros(4))
    run = Run(RunState(task, build(task, "net", 0), Recipe(steps=1, batch_size=4, rate=0.1), Target(0.5), data, 0))
    flow = run.flow({"0.weight": torch.tensor([[1.0, 3.0]])})
    assert flow.item() == pytest.approx((1 + 3 + 3 - 5) / 2 * 2 + 1)


def test_a_balanced_batch_has_as_many_examples_of_every_class():
    run, twin = toy_run(), toy_run()
    points, labels = run.balanced(3)[0].batch
    assert labels.bincount().tolist() == [3, 3]
    assert points.unique(dim=0).shape == (6, 6)
    again, next_one = (twin.balanced(3)[0].batch[0] for _ in range(2))
    assert torch.equal(points, again)
    assert not torch.equal(again, next_one)


def test_every_part_of_a_balanced_batch_has_its_share_of_every_class():
    whole, parts = toy_run().balanced(10)[0], toy_run().balanced(10, most=8)
    assert [part.batch[1].bincount().tolist() for part in parts] == [[4, 3], [3, 4], [3, 3]]
    assert sorted(torch.cat([part.index for part in parts]).tolist()) == sorted(whole.index.tolist())
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert [part.size for part in parts] == [7 / 32, 7 / 32, 6 / 32]


def test_a_class_with_too_few_examples_is_there_with_all_of_them():
    data = TensorData(torch.arange(7.0).view(7, 1), torch.tensor([0, 1, 0, 0, 0, 0, 4]))
    run = Run(RunState(toy, nn.Sequential(nn.Linear(1, 5), nn.Linear(5, 5)), PLAIN, Target(0.5), data, 0))
    assert run.balanced(2)[0].batch[1].bincount().tolist() == [2, 1, 0, 0, 1]


def test_without_classes_a_balanced_batch_is_a_plain_one():
    run, twin = (four_numbers([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]], batch_size=2) for _ in range(2))
    assert torch.equal(run.balanced(1)[0].batch[0], twin.batches(1)[0][0])
