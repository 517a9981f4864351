"""`run.train`: the same bits as `steps`, as torch's own loop, and as dense training where nothing is pruned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmark import Run, Target, keep_top
from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.training.optimizers import norm_parameters
from benchmark.training.order import Order
from benchmark.training.run_state import RunState
from tests.support.runs import (
    ADAMW,
    PLAIN,
    RECIPES,
    SGD,
    network,
    pruned_values,
    same,
    smallest,
    still,
    toy_run,
)

pytestmark = pytest.mark.runs


@RECIPES
@pytest.mark.parametrize("density", [1.0, 0.3])
def test_train_and_steps_give_the_same_bits(recipe, density):
    trained, stepped = toy_run(recipe), toy_run(recipe)
    for run in (trained, stepped):
        run.prune(smallest(run, density))
    trained.train()
    losses = [step.loss for step in stepped.steps()]
    assert same(network(trained), network(stepped))
    assert len(losses) == trained.clock == stepped.clock == recipe.steps


@RECIPES
def test_training_in_parts_gives_the_same_bits(recipe):
    whole, parts = toy_run(recipe), toy_run(recipe)
    whole.train()
    parts.train(5)
    for _ in parts.steps(2):
        parts.snapshot()
    parts.train()
    assert same(network(whole), network(parts))


@RECIPES
def test_at_density_one_training_is_dense_training_bit_for_bit(recipe):
    dense, pruned = toy_run(recipe), toy_run(recipe, density=1.0)
    dense.train()
    pruned.prune(keep_top({n: g.abs() for n, g in pruned.gradients(2).items()}, pruned.target))
    for step in pruned.steps():
        if step.index == 6:
            pruned.prune(keep_top({n: -w for n, w in pruned.weights.items()}, pruned.target))
    assert same(network(dense), network(pruned))


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    first, second, other = (toy_run(seed=seed) for seed in (1, 1, 2))
    for run in (first, second, other):
        run.train()
    assert same(network(first), network(second))
    assert not same(network(first), network(other))


def test_the_global_generator_has_no_say_in_training():
    first, second = toy_run(), toy_run()
    first.train()
    torch.manual_seed(99)
    second.train()
    assert same(network(first), network(second))


def test_the_toy_learns():
    run = toy_run(replace(SGD, steps=60, weight_decay=0, nesterov=False))
    losses = [float(step.loss) for step in run.steps()]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_bfloat16_trains_float32_weights_and_keeps_zeros():
    computed: set[torch.dtype] = set()

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        outputs = model(batch[0])
        computed.add(outputs.dtype)
        return nn.functional.cross_entropy(outputs, batch[1])

    recipe = replace(SGD, precision="bfloat16", steps=60, weight_decay=0, milestones=())
    run = toy_run(recipe, task=replace(toy, loss=loss))
    computed.clear()
    run.prune(smallest(run))
    losses = [float(step.loss) for step in run.steps()]
    assert computed == {torch.bfloat16}
    assert {weight.dtype for weight in run.weights.values()} == {torch.float32}
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])
    assert not pruned_values(run).any()


@pytest.mark.parametrize("recipe", [SGD, ADAMW], ids=["momentum", "adamw"])
def test_normalisation_layers_can_be_spared_the_decay(recipe):
    """One step with and without: they differ by rate x decay x value, in the parameters of batch norm alone."""
    recipe = replace(recipe, nesterov=False, warmup=0, clip=0.0)
    start, decayed, spared = (toy_run(each) for each in (recipe, recipe, replace(recipe, decay_norms=False)))
    decayed.train(1)
    spared.train(1)
    before, one, other = network(start), network(decayed), network(spared)
    assert {name for name in before if not torch.equal(one[name], other[name])} == {"1.weight"}  # the bias is 0
    expected = recipe.rate * recipe.weight_decay * before["1.weight"]
    torch.testing.assert_close(other["1.weight"] - one["1.weight"], expected, rtol=1e-4, atol=1e-7)


def test_parameters_of_norms_are_found_by_name():
    model = nn.ModuleDict({"a": nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), "b": nn.BatchNorm2d(2, affine=False)})
    assert norm_parameters(model) == {"a.1.weight", "a.1.bias"}
    assert norm_parameters(nn.GroupNorm(1, 2)) == {"weight", "bias"}


@RECIPES
def test_training_is_what_the_optimizer_of_the_recipe_does(recipe):
    """Against torch's own loop, one tensor at a time, on the same batches."""
    run = toy_run(recipe, task=replace(toy, models={"net": still}))
    model = build(run.task, "net", 0).train()
    adams = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    if recipe.optimizer in adams:
        decay = recipe.weight_decay
        optimizer = adams[recipe.optimizer](model.parameters(), lr=1.0, weight_decay=decay, foreach=False)
    else:
        settings = {name: getattr(recipe, name) for name in ("momentum", "nesterov", "weight_decay")}
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0, foreach=False, **settings)
    order = Order(len(run.data), recipe.batch_size, seed=0)
    for step in range(recipe.steps):
        optimizer.zero_grad()
        toy.loss(model, run.data.batch(order[step])).backward()
        if recipe.clip:
            norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
            for parameter in model.parameters():
                parameter.grad *= min(1.0, recipe.clip / (float(norm) + 1e-6))
        optimizer.param_groups[0]["lr"] = recipe.rate_at(step)
        optimizer.step()
    run.train()
    # A bias before batch norm has no gradient but what rounding leaves, and Adam makes whole steps of that.
    compared = model.state_dict().keys() - {"0.bias", "1.running_mean"}
    for name in compared:
        torch.testing.assert_close(network(run)[name], model.state_dict()[name])


def test_what_is_clipped_is_the_gradient_of_what_is_kept():
    """The same update as of a network in which the pruned weights have no gradient at all."""
    recipe = replace(PLAIN, clip=0.01, steps=1)
    run = toy_run(recipe, task=replace(toy, models={"net": still}))
    run.prune(smallest(run))
    before = network(run)
    run.train()
    moved = torch.cat([(p.detach() - before[name]).flatten() for name, p in run._state.model.named_parameters()])
    assert float(moved.norm()) == pytest.approx(recipe.rate * recipe.clip, rel=1e-3)


def test_progress_is_told_every_sixteen_updates():
    ticks: list[int] = []
    splits = toy.data(Path())
    run = Run(RunState(toy, build(toy, "net", 0), replace(PLAIN, steps=40), Target(0.5), splits.train, 0, ticks.append))
    run.train()
    list(run.steps(10))
    assert [tick for tick in ticks if tick] == [16, 32, 48]
