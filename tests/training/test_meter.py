"""What a run costs: operations by formula, only of what is live, with scoring and every training counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Masks, Recipe, Run, Target, Task, TensorData
from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.training.flops import Profile
from benchmark.training.meter import Meter, live_share
from benchmark.training.objective import Objective
from benchmark.training.run_state import RunState

MLP = {"0.weight": 2 * 8 * 4 * 3, "2.weight": 2 * 8 * 3 * 2}
"""Of a batch of 8 through 4 - 3 - 2: a multiply-add is 2."""


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def summed(model: nn.Module, batch: Tensor) -> Tensor:
    return model(batch).sum()


def profile(model: nn.Module, batch: Tensor, task: Task | None = None) -> Profile:
    task = task or replace(toy, loss=summed)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    return Profile.of(Objective(model, task), batch, task.prunable(model), trained)


def backward(found: Profile) -> dict[str, int]:
    return {name: found.both[name] - found.forward[name] for name in found.forward}


def mlp_run(steps: int = 6, recipe: Recipe | None = None) -> Run:
    data = TensorData(torch.ones(8, 4), torch.zeros(8, dtype=torch.int64))
    recipe = recipe or Recipe(steps=steps, batch_size=8, rate=0.0)
    return Run(RunState(replace(toy, models={"net": mlp}), mlp(), recipe, Target(0.5), data, 0))


def first(count: int, *shape: int) -> Tensor:
    return torch.arange(torch.Size(shape).numel()).view(shape) < count


HALF = Masks({"0.weight": first(6, 3, 4), "2.weight": first(2, 2, 3)})
"""Half of the first layer is live, a third of the second."""

# --- formulas ---------------------------------------------------------------------------------------------------------


def test_a_linear_layer_takes_two_operations_per_weight_and_example():
    assert profile(mlp(), torch.ones(8, 4)).forward == MLP


def test_backward_is_two_forwards_and_one_in_the_first_layer_whose_input_needs_no_gradient():
    found = profile(mlp(), torch.ones(8, 4))
    assert backward(found) == {"0.weight": MLP["0.weight"], "2.weight": 2 * MLP["2.weight"]}
    assert found.rest == (0, 0)


@pytest.mark.parametrize(
    ("conv", "places"),
    [
        ({"kernel_size": 3, "padding": 1}, 8 * 8),
        ({"kernel_size": 3}, 6 * 6),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, 4 * 4),
        ({"kernel_size": 1, "bias": False}, 8 * 8),
    ],
)
def test_a_convolution_takes_two_operations_per_weight_example_and_place(conv, places):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 5, **conv))
    found = profile(model, torch.ones(2, 3, 8, 8))
    stem, layer = 2 * 2 * 64 * 3 * 4, 2 * 2 * places * model[2].weight.numel()
    assert found.forward == {"0.weight": stem, "2.weight": layer}
    assert backward(found) == {"0.weight": stem, "2.weight": 2 * layer}


def test_what_no_prunable_tensor_takes_part_in_is_the_rest():
    """The first layer may not be pruned here: its operations are always there."""
    task = replace(toy, loss=summed, prunable=lambda model: ["2.weight"])
    found = profile(mlp(), torch.ones(8, 4), task)
    assert found.forward == {"2.weight": MLP["2.weight"]}
    assert found.rest == (MLP["0.weight"], 2 * MLP["0.weight"])


def test_counting_leaves_the_model_untouched():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 2))
    before, rng = {n: v.clone() for n, v in model.state_dict().items()}, torch.get_rng_state()
    profile(model, torch.randn(8, 4, generator=torch.Generator().manual_seed(0)))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), rng)


class Residual(nn.Module):
    """A stem, then a block whose two branches start from the same tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(8, 2)
        self.conv1, self.conv2 = nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.shortcut = nn.Conv2d(4, 8, 1, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        start = F.relu(self.stem(images))
        block = F.relu(self.conv2(F.relu(self.conv1(start))) + self.shortcut(start))
        return self.head(block.mean(dim=(2, 3)))


class TwoStems(nn.Module):
    """Two layers that both see the input."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, points: Tensor) -> Tensor:
        return self.head(self.left(points) + self.right(points))


@pytest.mark.parametrize(
    ("model", "batch", "first_layers"),
    [
        (Residual, torch.ones(2, 3, 8, 8), {"stem.weight"}),
        (TwoStems, torch.ones(8, 4), {"left.weight", "right.weight"}),
    ],
    ids=["residual", "two stems"],
)
def test_branches_are_counted_apart(model, batch, first_layers):
    found = profile(model(), batch)
    once_or_twice = {name: 1 if name in first_layers else 2 for name in found.forward}
    assert backward(found) == {name: n * found.forward[name] for name, n in once_or_twice.items()}
    assert found.rest == (0, 0)


def test_a_model_that_is_one_layer_is_counted_on_that_layer():
    found = profile(nn.Linear(4, 3), torch.ones(8, 4))
    assert found.forward == {"weight": MLP["0.weight"]}
    assert found.rest == (0, 0)


# --- live weights only ------------------------------------------------------------------------------------------------


def flops(train: Callable[[Run], object], masks: Masks | None = HALF) -> float:
    """Of training the MLP, after pruning it."""
    run = mlp_run()
    if masks is not None:
        run.prune(masks)
    train(run)
    return run._state.meter.counts(run.recipe.steps)["training_flops"]


DENSE = 2 * MLP["0.weight"] + 3 * MLP["2.weight"]
SPARSE = 2 * MLP["0.weight"] / 2 + 3 * MLP["2.weight"] / 3


@pytest.mark.runs
def test_a_dense_step_costs_forward_and_backward():
    assert flops(lambda run: run.train(1), masks=None) == DENSE
    assert flops(lambda run: run.train(), masks=None) == 6 * DENSE


def test_a_sparse_step_costs_the_live_share_of_every_layer():
    assert flops(lambda run: run.train(1)) == pytest.approx(SPARSE)
    assert flops(lambda run: list(run.steps(1))) == pytest.approx(SPARSE)


def test_looking_at_gradients_costs_those_of_pruned_weights_too():
    pruned = MLP["0.weight"] / 2 + MLP["2.weight"] * 2 / 3
    assert flops(lambda run: [step.grads for step in run.steps(1)]) == pytest.approx(SPARSE + pruned)
    assert flops(lambda run: [step.loss for step in run.steps(1)]) == pytest.approx(SPARSE)


@pytest.mark.runs
def test_only_the_steps_that_look_pay_for_it():
    def every_third(run: Run) -> None:
        for step in run.steps():
            if step.index % 3 == 0:
                _ = step.grads

    pruned = MLP["0.weight"] / 2 + MLP["2.weight"] * 2 / 3
    assert flops(every_third) == pytest.approx(6 * SPARSE + 2 * pruned)


def test_in_a_dense_network_looking_costs_nothing_more():
    assert flops(lambda run: [step.grads for step in run.steps(1)], masks=None) == DENSE


def test_what_is_kept_from_now_on_is_counted_from_now_on():
    def train(run: Run) -> None:
        run.train(1)
        run.prune(Masks.ones(run.weights))
        run.train(1)

    assert flops(train) == pytest.approx(SPARSE + DENSE)


def test_what_cannot_be_pruned_always_costs_the_same():
    model, task = mlp(), replace(toy, loss=summed, prunable=lambda model: ["2.weight"])
    meter = Meter(profile(model, torch.ones(8, 4), task), {"2.weight": 6}, torch.device("cpu"))
    meter.prune({"2.weight": 2})
    meter.train_step(dense_gradient=False)
    assert meter.counts(1)["training_flops"] == pytest.approx(2 * MLP["0.weight"] + 3 * MLP["2.weight"] / 3)


@given(times=st.integers(1, 300), before=st.floats(0, 1e15), at_once=st.integers(1, 50))
def test_equal_steps_have_the_same_bits_one_by_one_and_at_once(times: int, before: float, at_once: int) -> None:
    model, task = mlp(), replace(toy, loss=summed, prunable=lambda model: ["2.weight"])
    told = list[int]()
    one_by_one, together, again = (
        Meter(profile(model, torch.ones(8, 4), task), {"2.weight": 6}, torch.device("cpu"), told.append)
        for _ in range(3)
    )
    for meter in (one_by_one, together, again):
        meter.training_flops = before
        meter.prune({"2.weight": 2})
    for _ in range(times):
        one_by_one.train_step(dense_gradient=False, share=0.7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.training.meter.AT_ONCE", at_once)
        together.train_step(dense_gradient=False, share=0.7, times=times)
        again.replay(one_by_one.log[1:])
    assert one_by_one.counts(1) == together.counts(1) == again.counts(1)
    assert one_by_one.updates == together.updates == again.updates == times
    assert one_by_one.log == together.log


# --- scoring ----------------------------------------------------------------------------------------------------------


def scoring(score: Callable[[Run], object]) -> tuple[float, float]:
    """Passes and operations of scoring the half-pruned MLP."""
    run = mlp_run()
    run.prune(HALF)
    score(run)
    cost = run._state.meter.counts(run.recipe.steps)
    assert cost["training_flops"] == cost["training_steps"] == 0
    return cost["scoring_passes"], cost["scoring_flops"]


FORWARD = MLP["0.weight"] / 2 + MLP["2.weight"] / 3
BACKWARD = MLP["0.weight"] + MLP["2.weight"] / 3 + MLP["2.weight"]
"""Of a half-pruned MLP: dense gradients of the weights, and the sparse gradient of the second layer's input."""


def test_a_forward_pass_is_one_pass():
    assert scoring(lambda run: run.loss(run.batches(1)[0])) == pytest.approx((1, FORWARD))


def test_gradients_are_a_pass_and_a_dense_backward_per_batch():
    assert scoring(lambda run: run.gradients(3)) == pytest.approx((3, 3 * (FORWARD + BACKWARD)))


def test_drawing_batches_and_weights_is_free():
    assert scoring(lambda run: (run.batches(5), run.weights, run.masks)) == (0, 0)


def test_a_backward_of_the_loss_is_counted_when_it_happens():
    def score(run: Run) -> None:
        weights = {name: weight.requires_grad_() for name, weight in run.weights.items()}
        forward_only = run.loss(run.batches(1)[0], weights)
        run.loss(run.batches(1)[0], weights).backward()
        del forward_only

    assert scoring(score) == pytest.approx((2, 2 * FORWARD + BACKWARD))


@pytest.mark.runs
def test_scoring_is_counted_beside_training():
    run = mlp_run()
    run.gradients(1)
    run.train()
    for _ in run.steps(2):
        run.gradients(1)
    cost = run._state.meter.counts(run.recipe.steps)
    assert cost["scoring_passes"] == 3
    assert cost["training_steps"] == 8
    assert cost["training_flops"] == 8 * DENSE


# --- the totals -------------------------------------------------------------------------------------------------------


@pytest.mark.runs
@pytest.mark.parametrize(
    ("train", "trainings"),
    [
        (lambda run: None, 0),
        (lambda run: run.train(), 1),
        (lambda run: (run.train(), run.rewind(3), run.train()), 1.5),
        (lambda run: (run.train(), run.train(12)), 3),
        (lambda run: [step.skip() for step in run.steps()], 1),
    ],
    ids=["none", "one", "rewound", "past the end", "skipped"],
)
def test_cost_is_in_units_of_one_training(train, trainings):
    run = mlp_run(steps=6)
    train(run)
    cost = run._state.meter.counts(run.recipe.steps)
    assert cost["trainings"] == trainings
    assert cost["training_steps"] == 6 * trainings


@pytest.mark.runs
def test_learning_scores_is_training_too():
    run = mlp_run(steps=6)
    with run.learning(run.weights, lambda scores: scores):
        run.train()
    assert run._state.meter.counts(6)["trainings"] == 1


def test_learning_on_smaller_batches_costs_fewer_operations():
    run = mlp_run()
    with run.learning(run.weights, lambda scores: scores, recipe=replace(run.recipe, batch_size=4)):
        run.train(1)
    assert run._state.meter.counts(6)["training_flops"] == DENSE / 2


def test_time_and_memory_are_counted():
    meter = mlp_run()._state.meter
    early, late = meter.seconds, meter.seconds
    assert 0 <= early <= late
    assert meter.peak_bytes > 1e6


def test_the_toy_profile_covers_every_operation():
    run = Run(RunState(toy, toy.model("net")(), toy.recipe("smoke"), Target(0.5), toy.data(Path()).train, 0))
    run.train(1)
    forward = [2 * 32 * 6 * 16, 2 * 32 * 16 * 16, 2 * 32 * 16 * 2]
    assert run._state.meter.counts(24)["training_flops"] == 2 * forward[0] + 3 * (forward[1] + forward[2])


def test_live_share_counts_all_parameters():
    parameters = dict(mlp().named_parameters())
    assert live_share(HALF, parameters) == (6 + 2 + 3 + 2) / (12 + 6 + 3 + 2)
    assert live_share(Masks.ones({n: p for n, p in parameters.items() if n in HALF}), parameters) == 1.0


@pytest.mark.runs
def test_edges_that_are_gone_cost_nothing_any_more() -> None:
    """A message is `width` additions: fewer edges, fewer operations, in proportion."""
    task = registry.task("planted-partition")
    run = Run(
        RunState(task, build(task, "gcn", 0), task.recipe("smoke", "gcn"), Target(1.0), task.data(Path()).train, 0)
    )

    def cost_of_a_step() -> float:
        before = run._state.meter.training_flops
        run.train(1)
        return run._state.meter.training_flops - before

    def without(count: int) -> Callable[[Any], Any]:
        def edit(graph: Any) -> Any:
            edited, (first, second) = graph.clone(), graph.edge_index
            one_way = (first < second).nonzero().squeeze(1)[count:]
            edited.edge_index = torch.cat([graph.edge_index[:, one_way], graph.edge_index[:, one_way].flip(0)], dim=1)
            return edited

        return edit

    whole = cost_of_a_step()
    run.rewrite(without(0))
    assert cost_of_a_step() == whole
    run.rewrite(without(100))
    fewer = whole - cost_of_a_step()
    run.rewrite(without(100))
    assert fewer > 0
    assert whole - cost_of_a_step() == 2 * fewer
