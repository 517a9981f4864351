"""The verbs of a run: what each does, what each leaves alone, and what none of them lets through."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmark import Masks, Recipe, Run, Snapshot, Target, Task, TensorData, keep_top
from benchmark.contract.toy import toy
from benchmark.errors import Breach, Diverged
from benchmark.harness.network import build
from benchmark.pruning.patterns import Layer
from benchmark.random_streams import stream_seed
from benchmark.training.engine import CHECK_EVERY
from benchmark.training.optimizers import of_norms
from benchmark.training.order import Order

PLAIN = Recipe(steps=12, batch_size=32, rate=0.1)
SGD = replace(PLAIN, momentum=0.9, nesterov=True, weight_decay=1e-2, milestones=(8,))
ADAM = replace(PLAIN, rate=0.01, optimizer="adam", weight_decay=1e-2, warmup=4)
ADAMW = replace(ADAM, optimizer="adamw", weight_decay=0.1, clip=0.5)
RECIPES = pytest.mark.parametrize("recipe", [PLAIN, SGD, ADAM, ADAMW], ids=["plain", "momentum", "adam", "adamw"])


def toy_run(recipe: Recipe = SGD, density: float = 0.3, seed: int = 0, task: Task = toy) -> Run:
    return Run(task, build(task, "net", seed), recipe, Target(density), task.data(Path()).train, seed)


def network(run: Run) -> dict[str, Tensor]:
    """A copy of every parameter and buffer, by other means than the run's own."""
    return {name: value.detach().clone() for name, value in run._model.state_dict().items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def smallest(run: Run, density: float = 0.3) -> Masks:
    """Masks that prune the smallest weights of every layer, so that the network stays alive."""
    return keep_top({name: weight.abs() for name, weight in run.weights.items()}, Target(density, Layer()))


def memory(run: Run) -> dict[str, list[Tensor]]:
    """What the optimizer remembers of every weight, entry by entry."""
    states = {name: run._engine._optimizer.state.get(weight, {}) for name, weight in run._live_weights.items()}
    return {
        name: [slot for slot in state.values() if slot is not None and slot.dim()] for name, state in states.items()
    }


def pruned_values(run: Run) -> Tensor:
    """Every pruned weight, and every entry of the optimizer's memory that belongs to one."""
    slots = memory(run)
    found = [t[~run.masks[name]] for name, weight in run.weights.items() for t in (weight, *slots[name])]
    return torch.cat(found)


@dataclass
class Camera:
    """An augmentation that changes nothing and remembers the batches and the random stream of every step."""

    batches: list[Tensor] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def __call__(self, batch: tuple[Tensor, Tensor], rng: torch.Generator) -> tuple[Tensor, Tensor]:
        self.batches.append(batch[0].clone())
        self.seeds.append(rng.initial_seed())
        return batch


# --- pruned weights are zero ------------------------------------------------------------------------------------------


@RECIPES
def test_pruned_weights_and_their_memory_are_exactly_zero_after_every_step(recipe):
    run = toy_run(recipe)
    run.train(3)
    run.prune(smallest(run))
    for _ in range(12):
        assert not pruned_values(run).any()
        run.train(1)
    for _ in run.steps(12):
        assert not pruned_values(run).any()
    assert not pruned_values(run).any()
    assert run.masks.density == pytest.approx(0.3, abs=1 / 384)


@RECIPES
def test_pruned_weights_stay_zero_while_masks_move_in_every_pause(recipe):
    run = toy_run(recipe)
    for step in run.steps():
        noise = {name: torch.rand(weight.shape, generator=run.rng) for name, weight in run.weights.items()}
        run.prune(keep_top(noise, run.target))
        assert not pruned_values(run).any()
        if step.index % 3 == 0:
            step.skip()
    assert not pruned_values(run).any()


@RECIPES
def test_what_is_kept_is_trained(recipe):
    run = toy_run(recipe)
    run.prune(smallest(run, 0.5))
    before = run.weights
    run.train(2)
    for name, weight in run.weights.items():
        assert (weight != before[name])[run.masks[name]].double().mean() > 0.5


@RECIPES
def test_regrown_weights_start_at_zero_without_memory_and_then_learn(recipe):
    run = toy_run(recipe)
    run.train(5)
    first = smallest(run, 0.5)
    run.prune(first)
    run.train(3)
    run.prune(~first)
    regrown = run.weights
    assert all(not weight.any() for weight in regrown.values())
    assert not any(slot.any() for slots in memory(run).values() for slot in slots)
    run.train(2)
    assert any(weight.any() for weight in run.weights.values())
    assert not pruned_values(run).any()


def test_a_weight_regrown_in_a_pause_takes_part_in_the_update_of_that_step():
    run = toy_run(PLAIN)
    run.prune(smallest(run))
    for step in run.steps(1):
        gradients = {name: grad.clone() for name, grad in step.grads.items()}
        regrown = ~run.masks
        run.prune(Masks.ones(run.weights))
    for name, weight in run.weights.items():
        torch.testing.assert_close(weight[regrown[name]], -PLAIN.rate * gradients[name][regrown[name]])


# --- two ways to train ------------------------------------------------------------------------------------------------


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
    assert of_norms(model) == {"a.1.weight", "a.1.bias"}
    assert of_norms(nn.GroupNorm(1, 2)) == {"weight", "bias"}


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
    moved = torch.cat([(p.detach() - before[name]).flatten() for name, p in run._model.named_parameters()])
    assert float(moved.norm()) == pytest.approx(recipe.rate * recipe.clip, rel=1e-3)


def test_progress_is_told_every_sixteen_updates():
    ticks: list[int] = []
    splits = toy.data(Path())
    run = Run(toy, build(toy, "net", 0), replace(PLAIN, steps=40), Target(0.5), splits.train, 0, ticks.append)
    run.train()
    list(run.steps(10))
    assert ticks == [16, 32, 48]


# --- the pause --------------------------------------------------------------------------------------------------------


def test_steps_count_from_the_clock():
    run = toy_run()
    run.train(3)
    assert [step.index for step in run.steps(4)] == [3, 4, 5, 6]
    assert [step.index for step in run.steps()] == [7, 8, 9, 10, 11]
    assert list(run.steps()) == []


def test_a_skipped_step_leaves_weights_and_memory_and_lets_the_schedule_move():
    run = toy_run()
    run.train(2)
    weights, slots = run.weights, {name: [s.clone() for s in found] for name, found in memory(run).items()}
    for step in run.steps(3):
        step.skip()
    assert same(weights, run.weights)
    assert all(torch.equal(a, b) for name in slots for a, b in zip(slots[name], memory(run)[name], strict=True))
    assert run.clock == 5


def test_the_loss_of_a_step_is_a_number_before_its_update():
    run = toy_run(replace(PLAIN, rate=0.5))
    for step in run.steps(2):
        assert step.loss.dim() == 0
        assert not step.loss.requires_grad


def test_gradients_of_a_step_are_dense():
    run = toy_run()
    run.prune(smallest(run, 0.5))
    for step in run.steps(3):
        assert list(step.grads) == list(run.weights)
        for name, grad in step.grads.items():
            assert (grad[~run.masks[name]] != 0).double().mean() > 0.5


def test_editing_the_gradients_changes_the_update():
    run, twin = toy_run(PLAIN), toy_run(PLAIN)
    for step in run.steps(1):
        step.grads["4.weight"].zero_()
        step.grads["6.weight"].fill_(1.0)
    list(twin.steps(1))
    fresh = toy_run(PLAIN).weights
    assert torch.equal(run.weights["4.weight"], fresh["4.weight"])
    assert torch.equal(run.weights["6.weight"], fresh["6.weight"] - PLAIN.rate)
    assert torch.equal(run.weights["0.weight"], twin.weights["0.weight"])


@RECIPES
def test_edited_gradients_do_not_revive_pruned_weights(recipe):
    run = toy_run(recipe)
    run.prune(smallest(run))
    for step in run.steps():
        for grad in step.grads.values():
            grad.fill_(1.0)
    assert not pruned_values(run).any()


def test_a_pause_may_be_left_for_good_before_the_update():
    run = toy_run()
    for step in run.steps():
        if step.index == 2:
            weights = run.weights
            break
    assert run.clock == 2
    assert same(weights, run.weights)
    run.train()
    assert run.clock == run.recipe.steps


def test_in_a_pause_one_may_look_prune_and_copy():
    run = toy_run()
    for _ in run.steps(1):
        batch = run.batches(1)[0]
        run.loss(batch)
        run.gradients(1)
        early = run.snapshot()
        run.prune(smallest(run))
    assert early.clock == 0
    assert run.breaches == []


def forbidden(run: Run) -> dict[str, Callable[[], object]]:
    identity = {name: torch.ones_like(weight) for name, weight in run.weights.items()}
    return {
        "train": run.train,
        "steps": lambda: next(run.steps()),
        "restore": lambda: run.restore(run.snapshot()),
        "rewind": lambda: run.rewind(0),
        "learning": lambda: run.learning(identity, lambda scores: scores).__enter__(),
        "rewrite": lambda: run.rewrite(lambda graph: graph),
    }


@pytest.mark.parametrize("verb", ["train", "steps", "restore", "rewind", "learning", "rewrite"])
def test_in_a_pause_no_other_training_can_begin(verb):
    run = toy_run()
    for _ in run.steps(1):
        with pytest.raises(RuntimeError, match=rf"{verb}\(\) cannot be called in a pause of steps\(\)"):
            forbidden(run)[verb]()
    run.train(1)
    assert run.breaches == []


# --- there and back ---------------------------------------------------------------------------------------------------


def rewinds_to_the_early_weights(run: Run) -> None:
    """A round of IMP: afterwards live weights are the early ones bit for bit, and pruned ones zero."""
    run.train(4)
    early = network(run)
    ticket = run.snapshot()
    run.train()
    run.prune(smallest(run))
    run.restore(ticket)
    for name, weight in run.weights.items():
        assert torch.equal(weight, early[name] * run.masks[name]), f"{name} was not rewound"
    for name in early.keys() - run.weights.keys():
        assert torch.equal(run._model.state_dict()[name], early[name]), f"{name} was not rewound"
    assert run.clock == 4


@RECIPES
def test_restoring_brings_back_parameters_and_buffers_and_pruned_weights_stay_zero(recipe):
    rewinds_to_the_early_weights(toy_run(recipe))


def test_a_snapshot_that_aliases_the_network_would_be_noticed(monkeypatch):
    """The classic: a `state_dict` saved without cloning is the trained network by the time it is loaded."""

    def aliased(run: Run) -> Snapshot:
        return Snapshot({name: value.detach() for name, value in run._model.state_dict().items()}, run.clock)

    monkeypatch.setattr(Run, "snapshot", aliased)
    with pytest.raises(AssertionError, match="was not rewound"):
        rewinds_to_the_early_weights(toy_run())


def test_the_network_does_not_share_memory_with_a_snapshot():
    run = toy_run()
    taken = run.snapshot()
    before = {name: value.clone() for name, value in taken.state.items()}
    run.restore(taken)
    run.train()
    assert same(dict(taken.state), before)


def test_buffers_come_back():
    run = toy_run()
    start = run.snapshot()
    run.train()
    assert int(run._model[1].num_batches_tracked) == 12
    run.restore(start)
    assert int(run._model[1].num_batches_tracked) == 0
    assert torch.equal(run._model[1].running_mean, torch.zeros(16))


def test_buffers_that_are_not_persistent_come_back_too():
    run = toy_run(task=replace(toy, models={"net": Counting}))
    start = run.snapshot()
    run.train(3)
    run.restore(start)
    assert run._model.calls == 0


class Counting(nn.Sequential):
    """Counts its calls in a buffer that is not saved."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(6, 2))
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, points: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(points)


@RECIPES
def test_restoring_the_start_and_training_again_repeats_the_training(recipe):
    run = toy_run(recipe)
    start = run.snapshot()
    run.train()
    first = network(run)
    run.restore(start)
    run.train()
    assert same(network(run), first)


def test_the_optimizer_is_fresh_after_restore_and_after_rewind():
    run = toy_run(SGD)
    taken = run.snapshot()
    for back in (lambda: run.restore(taken), lambda: run.rewind(3)):
        run.train(2)
        assert all(slots for slots in memory(run).values())
        back()
        assert not any(slots for slots in memory(run).values())


def test_rewind_keeps_the_weights_and_repeats_rates_and_batches():
    camera = Camera()
    run = toy_run(replace(SGD, augment=camera))
    run.train()
    trained = network(run)
    run.rewind(4)
    assert same(network(run), trained)
    assert run.clock == 4
    run.train()
    assert run.clock == 12
    assert all(torch.equal(a, b) for a, b in zip(camera.batches[4:12], camera.batches[12:], strict=True))
    assert camera.seeds[4:12] == camera.seeds[12:]


@pytest.mark.parametrize("clock", [-1, 13])
def test_rewind_stays_on_the_schedule(clock):
    with pytest.raises(ValueError, match=rf"clock must lie in \[0, 12\], got {clock}"):
        toy_run().rewind(clock)


# --- the schedule, on one weight whose gradient is one ----------------------------------------------------------------


def one_weight(recipe: Recipe) -> Run:
    """loss = w: an update of plain SGD moves w by the learning rate."""

    def model() -> nn.Module:
        net = nn.Sequential(nn.Linear(1, 1, bias=False, dtype=torch.float64))
        nn.init.zeros_(net[0].weight)
        return net

    task = replace(toy, models={"net": model}, loss=lambda net, batch: net(batch[0]).mean())
    ones = torch.ones(8, 1, dtype=torch.float64)
    data = TensorData(ones, torch.zeros(8), transform=lambda stored: stored)
    return Run(task, build(task, "net", 0), recipe, Target(1.0), data, 0)


def rates_of(run: Run, train: Callable[[], None]) -> list[float]:
    """What every update of `train` took off the weight."""
    seen = [float(run.weights["0.weight"])]
    for _ in range(3):
        train()
        seen.append(float(run.weights["0.weight"]))
    return [before - after for before, after in pairwise(seen)]


def test_every_update_is_at_the_rate_of_its_step():
    recipe = Recipe(steps=6, batch_size=4, rate=1.0, milestones=(4,), warmup=2)
    run = one_weight(recipe)
    assert rates_of(run, lambda: run.train(1)) == pytest.approx([0.5, 1.0, 1.0])
    assert rates_of(run, lambda: run.train(1)) == pytest.approx([1.0, 0.1, 0.1])


@pytest.mark.parametrize("schedule", [{"milestones": (2,)}, {"cosine": True}, {"warmup": 10}])
def test_training_past_the_end_is_at_the_last_rate(schedule):
    recipe = Recipe(steps=4, batch_size=4, rate=1.0, **schedule)
    run = one_weight(recipe)
    run.train()
    assert rates_of(run, lambda: run.train(1)) == pytest.approx([recipe.rate_at(3)] * 3)
    run.train()
    assert run.clock == 7


def test_a_rewound_schedule_starts_over():
    run = one_weight(Recipe(steps=4, batch_size=4, rate=1.0, milestones=(1, 2)))
    run.train()
    run.rewind(1)
    assert rates_of(run, lambda: run.train(1)) == pytest.approx([0.1, 0.01, 0.01])


# --- the data ---------------------------------------------------------------------------------------------------------


def test_the_same_seed_sees_the_same_batches_whatever_is_scored_pruned_and_rewound_in_between():
    plain, busy = Camera(), Camera()
    toy_run(replace(SGD, augment=plain)).train()
    run = toy_run(replace(SGD, augment=busy))
    run.gradients(3)
    for step in run.steps(6):
        run.loss(run.batches(2)[1])
        if step.index == 3:
            run.prune(smallest(run))
            step.skip()
    run.rewind(2)
    run.rewind(6)
    run.train()
    assert all(torch.equal(a, b) for a, b in zip(plain.batches, busy.batches, strict=True))
    assert plain.seeds == busy.seeds


def test_the_batch_of_a_step_is_that_of_the_order():
    camera = Camera()
    run = toy_run(replace(SGD, augment=camera), seed=5)
    run.train()
    order = Order(len(run.data), 32, seed=5)
    for step, batch in enumerate(camera.batches):
        assert torch.equal(batch, run.data.batch(order[step])[0])


def test_augmentation_draws_from_the_stream_of_its_step():
    camera = Camera()
    toy_run(replace(SGD, augment=camera), seed=5).train()
    assert camera.seeds == [stream_seed(5, "augmentation", step) for step in range(12)]


def test_augmentation_reaches_the_network_and_never_the_scoring_batches():
    def blank(batch: tuple[Tensor, Tensor], rng: torch.Generator) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(batch[0]), batch[1]

    run, twin = toy_run(replace(PLAIN, augment=blank)), toy_run(PLAIN)
    assert torch.equal(run.batches(1)[0][0], twin.batches(1)[0][0])
    for step in run.steps(1):
        assert not step.grads["0.weight"].any()


def test_scoring_batches_come_one_after_the_other_from_a_stream_of_their_own():
    run, twin = toy_run(), toy_run()
    ahead = [points for points, _ in run.batches(3)]
    twin.train(2)
    one_by_one = [twin.batches(1)[0][0] for _ in range(3)]
    assert all(torch.equal(a, b) for a, b in zip(ahead, one_by_one, strict=True))
    assert not torch.equal(ahead[0], ahead[1])
    assert not torch.equal(ahead[0], run.data.batch(Order(len(run.data), 32, 0)[0])[0])


def test_the_random_stream_of_an_algorithm_is_its_own():
    run, twin = toy_run(seed=4), toy_run(seed=4)
    run.train(3)
    run.gradients(1)
    assert torch.equal(torch.rand(5, generator=run.rng), torch.rand(5, generator=twin.rng))
    assert not torch.equal(torch.rand(5, generator=run.rng), torch.rand(5, generator=toy_run(seed=5).rng))


# --- looking leaves no trace ------------------------------------------------------------------------------------------


def everything(run: Run) -> tuple[object, ...]:
    """All that scoring could leave a trace on."""
    return (
        {name: value.tolist() for name, value in run._model.state_dict().items()},
        {name: None if p.grad is None else p.grad.tolist() for name, p in run._model.named_parameters()},
        {name: p.requires_grad for name, p in run._model.named_parameters()},
        {name: module.training for name, module in run._model.named_modules()},
        torch.get_rng_state().tolist(),
        random.getstate(),
        repr(np.random.get_state()),
        run.clock,
        run.masks.digest,
    )


LOOKS = {
    "weights": lambda run: run.weights,
    "parameters": lambda run: run.parameters,
    "masks": lambda run: run.masks,
    "batches": lambda run: run.batches(2),
    "loss": lambda run: run.loss(run.batches(1)[0]),
    "loss at weights": lambda run: run.loss(run.batches(1)[0], {"0.weight": torch.zeros(16, 6)}),
    "loss backward": lambda run: run.loss(run.batches(1)[0], leaves(run)).backward(),
    "second order": lambda run: torch.autograd.grad(
        torch.autograd.grad(run.loss(run.batches(1)[0], w := leaves(run)), w["0.weight"], create_graph=True)[0].sum(),
        w["0.weight"],
    ),
    "loss at a temperature": lambda run: run.loss(run.batches(1)[0], leaves(run), temperature=200.0).backward(),
    "flow": lambda run: run.flow(leaves(run)).backward(),
    "balanced": lambda run: run.balanced(2),
    "gradients": lambda run: run.gradients(2),
    "snapshot": lambda run: run.snapshot(),
}


def leaves(run: Run) -> dict[str, Tensor]:
    return {name: weight.requires_grad_() for name, weight in run.weights.items()}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("paused", [False, True], ids=["between", "in a pause"])
def test_looking_leaves_no_trace(look, paused):
    """The toy has batch norm and dropout; some gradients and a pruned weight are there to be spoilt."""
    run = toy_run()
    run.prune(smallest(run))
    run.train(2)
    for _ in run.steps(1) if paused else [None]:
        before = everything(run)
        look(run)
        assert everything(run) == before
    run.train()
    run.finish()


def test_what_one_is_shown_are_copies():
    run = toy_run()
    before = network(run)
    for value in [*run.weights.values(), *run.parameters.values()]:
        value.zero_()
    for value in run.snapshot().state.values():
        value.zero_()
    run.batches(1)[0][0].zero_()
    assert same(network(run), before)
    run.finish()


def test_parameters_are_all_that_is_trained():
    model = toy_run()._model
    model.get_parameter("1.bias").requires_grad_(False)
    run = Run(toy, model, SGD, Target(0.3), toy.data(Path()).train, 0)
    assert list(run.parameters) == [name for name, _ in model.named_parameters() if name != "1.bias"]
    assert same(run.parameters, {name: value for name, value in network(run).items() if name in run.parameters})


def test_weights_are_the_prunable_tensors_in_the_models_order():
    assert {name: tuple(weight.shape) for name, weight in toy_run().weights.items()} == {
        "0.weight": (16, 6),
        "4.weight": (16, 16),
        "6.weight": (2, 16),
    }


# --- loss and gradients, on four numbers ------------------------------------------------------------------------------


def four_numbers(points: list[list[float]], batch_size: int = 1) -> Run:
    """W = [[1, 2], [3, 4]], loss = |W x|^2 / 2 averaged over the batch: its gradient is the mean of W x x^T."""

    def model() -> nn.Module:
        net = nn.Sequential(nn.Linear(2, 2, bias=False))
        net.load_state_dict({"0.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]])})
        return net

    task = replace(toy, models={"net": model}, loss=lambda net, batch: net(batch[0]).square().sum(dim=1).mean() / 2)
    data = TensorData(torch.tensor(points), torch.zeros(len(points)))
    recipe = Recipe(steps=3, batch_size=batch_size, rate=0.1)
    return Run(task, build(task, "net", 0), recipe, Target(0.5), data, 0)


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


def test_gradients_agree_with_autograd_on_the_toy():
    run = toy_run(task=replace(toy, models={"net": still}))
    weights = leaves(run)
    found = toy_run(task=run.task).gradients(1)
    loss = toy.loss(functional(run._model, weights), run.batches(1)[0])
    expected = torch.autograd.grad(loss, list(weights.values()))
    for name, grad in zip(found, expected, strict=True):
        torch.testing.assert_close(found[name], grad)


def still() -> nn.Module:
    """Batch norm and no dropout."""
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def functional(model: nn.Module, weights: dict[str, Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda points: torch.func.functional_call(model, weights, (points,))


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
    run = Run(task, build(task, "net", 0), Recipe(steps=1, batch_size=4, rate=0.1), Target(0.5), data, 0)
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
    data = TensorData(torch.arange(7).view(7, 1), torch.tensor([0, 1, 0, 0, 0, 0, 4]))
    run = Run(toy, nn.Sequential(nn.Linear(1, 5), nn.Linear(5, 5)), PLAIN, Target(0.5), data, 0)
    assert run.balanced(2)[0].batch[1].bincount().tolist() == [2, 1, 0, 0, 1]


def test_without_classes_a_balanced_batch_is_a_plain_one():
    run, twin = (four_numbers([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]], batch_size=2) for _ in range(2))
    assert torch.equal(run.balanced(1)[0].batch[0], twin.batches(1)[0][0])


# --- scores in place of weights ---------------------------------------------------------------------------------------


def gates(run: Run) -> tuple[dict[str, Tensor], Callable[[dict[str, Tensor]], dict[str, Tensor]]]:
    """Scores of one, and the weights they open: weight times score."""
    weights = run.weights
    ones = {name: torch.ones_like(weight) for name, weight in weights.items()}
    return ones, lambda scores: {name: weights[name] * scores[name] for name in weights}


def parameters(run: Run) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in run._model.named_parameters()}


@RECIPES
def test_while_learning_scores_every_parameter_is_frozen_bit_for_bit(recipe):
    run = toy_run(recipe)
    run.train(3)
    before = parameters(run)
    ones, opened = gates(run)
    with run.learning(ones, opened) as scores:
        assert not any(parameter.requires_grad for parameter in run._model.parameters())
        run.train(4)
        assert not any(torch.equal(score, ones[name]) for name, score in scores.items())
        for step in run.steps(4):
            assert list(step.grads) == list(scores)
    assert same(parameters(run), before)
    assert all(bool((one == 1).all()) for one in ones.values())


def test_learning_has_a_schedule_of_its_own_and_gives_the_old_one_back():
    camera = Camera()
    run = toy_run()
    run.train(3)
    with run.learning(*gates(run), recipe=Recipe(steps=5, batch_size=7, rate=0.1, augment=camera)):
        assert run.clock == 0
        run.train()
        assert run.clock == 5
    assert {len(batch) for batch in camera.batches} == {7}
    assert run.clock == 3


def test_scores_of_one_learn_as_the_chain_rule_says():
    """loss = |W g x|^2 / 2 with gates g = 1: the gate's gradient is w times the weight's."""
    run = four_numbers([[1.0, -1.0]])
    with run.learning(*gates(run)) as scores:
        for step in run.steps(1):
            assert step.grads["0.weight"].tolist() == [[-1.0, 2.0], [-3.0, 4.0]]
        torch.testing.assert_close(scores["0.weight"].detach(), torch.tensor([[1.1, 0.8], [1.3, 0.6]]))


@RECIPES
def test_pruning_while_learning_freezes_scores_at_zero(recipe):
    run = toy_run(recipe)
    with run.learning(*gates(run)) as scores:
        run.train(3)
        run.prune(keep_top({name: score.detach().abs() for name, score in scores.items()}, run.target))
        run.train(3)
        for name, score in scores.items():
            assert not score[~run.masks[name]].any()
            assert score[run.masks[name]].any()
    assert not pruned_values(run).any()
    run.train()
    assert not pruned_values(run).any()


def test_after_learning_the_weights_train_as_if_nothing_had_been():
    """Without batch norm, whose statistics follow every forward pass in training."""
    task = replace(toy, models={"net": lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))})
    run, plain = toy_run(task=task), toy_run(task=task)
    run.train(3)
    with run.learning(*gates(run)):
        run.train(4)
    run.train()
    plain.train()
    assert same(network(run), network(plain))


@RECIPES
@pytest.mark.parametrize("decay_norms", [True, False])
def test_parameters_that_are_their_own_scores_learn_as_they_train(recipe, decay_norms):
    run, plain = (toy_run(replace(recipe, decay_norms=decay_norms)) for _ in range(2))
    with run.learning(parameters(run), lambda scores: scores) as scores:
        run.train(4)
    plain.train(4)
    assert same({name: score.detach() for name, score in scores.items()}, parameters(plain))
    assert run.weights_trained


def test_scores_of_weights_are_no_training_of_weights():
    run = toy_run()
    with run.learning(*gates(run)):
        run.train(4)
    assert not run.weights_trained


def test_what_is_no_parameter_is_told_while_learning():
    run = toy_run()
    misspelt = run.learning(run.weights, lambda scores: {"7-wait": scores["0.weight"]})
    with misspelt, pytest.raises(ValueError, match="the network has no parameter named 7-wait"):
        run.train()


def test_the_origin_is_what_was_restored_before_the_weights_were_trained():
    run = toy_run()
    run.train(3)
    early = run.snapshot()
    run.train(3)
    assert run.origin is None
    run.restore(early)
    assert run.origin is None
    run.train(0)
    with run.learning(*gates(run)):
        run.train(2)
    assert run.origin is None
    next(run.steps(1))
    assert run.origin is early
    run.restore(run.snapshot())
    assert run.origin is early


def test_an_error_while_learning_gives_the_weights_back():
    run = toy_run()
    with pytest.raises(ZeroDivisionError), run.learning(*gates(run)):
        raise ZeroDivisionError
    before = run.weights
    run.train(1)
    assert not same(before, run.weights)
    assert all(p.requires_grad for p in run._model.parameters())


# --- graphs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OneGraph:
    """A graph on five nodes: pairs of neighbours, and a number on every node."""

    pairs: tuple[tuple[int, int], ...] = ((0, 1), (1, 2), (2, 3), (3, 4))
    digest: str = ""

    def __len__(self) -> int:
        return 1

    def batch(self, index: Tensor) -> Tensor:
        """[5, 5], what a node hears of its neighbours."""
        heard = torch.eye(5)
        for a, b in self.pairs:
            heard[a, b] = heard[b, a] = 1
        return heard

    def to(self, device: torch.device) -> OneGraph:
        return self

    def rewrite(self, edit: Callable[[OneGraph], OneGraph]) -> OneGraph:
        return edit(self)

    @property
    def edges(self) -> int:
        return len(self.pairs)


def without_last(graph: OneGraph) -> OneGraph:
    return replace(graph, pairs=graph.pairs[:-1])


def graph_run() -> Run:
    task = replace(
        toy,
        models={"net": lambda: nn.Sequential(nn.Linear(5, 1, bias=False))},
        loss=lambda net, heard: net(heard).sum(),
        prunes=frozenset({"edges"}),
    )
    return Run(task, build(task, "net", 0), Recipe(steps=3, batch_size=8, rate=0.1), Target(1.0), OneGraph(), 0)


def test_rewriting_edits_the_training_data_and_is_remembered():
    run = graph_run()
    assert [step.grads["0.weight"].tolist() for step in run.steps(1)] == [[[2.0, 3.0, 3.0, 3.0, 2.0]]]
    run.rewrite(without_last)
    run.rewrite(without_last)
    assert run.data.edges == 2
    assert run.edits == [without_last, without_last]
    assert run.gradients(1)["0.weight"].tolist() == [[2.0, 3.0, 2.0, 1.0, 1.0]]
    assert [step.grads["0.weight"].tolist() for step in run.steps(1)] == [[[2.0, 3.0, 2.0, 1.0, 1.0]]]


def test_what_is_learnt_after_a_rewrite_is_learnt_on_the_edited_data():
    run = graph_run()
    run.rewrite(without_last)
    weights = run.weights
    with run.learning(weights, lambda scores: scores):
        assert [step.grads["0.weight"].tolist() for step in run.steps(1)] == [[[2.0, 3.0, 3.0, 2.0, 1.0]]]


def test_a_rewrite_while_learning_holds_afterwards():
    run = graph_run()
    with run.learning(run.weights, lambda scores: scores):
        run.rewrite(without_last)
        assert [step.grads["0.weight"].tolist() for step in run.steps(1)] == [[[2.0, 3.0, 3.0, 2.0, 1.0]]]
    assert [step.grads["0.weight"].tolist() for step in run.steps(1)] == [[[2.0, 3.0, 3.0, 2.0, 1.0]]]


def test_tensors_cannot_be_rewritten():
    run = toy_run()
    with pytest.raises(TypeError, match="no graph"):
        run.rewrite(without_last)
    assert run.edits == []


# --- what no verb lets through ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "odd"),
    [
        (lambda masks: {n: m for n, m in masks.items() if n != "4.weight"}, "4.weight"),
        (lambda masks: masks | {"1.weight": torch.ones(16).bool()}, "1.weight"),
        (lambda masks: masks | {"4.weight": torch.ones(16, 1).bool()}, "4.weight"),
        (lambda masks: {}, "0.weight, 4.weight, 6.weight"),
        (lambda masks: {f"model.{n}": m for n, m in masks.items() if n == "0.weight"}, "0.weight, 4.weight, 6.weight"),
    ],
    ids=["missing", "not prunable", "shape", "nothing", "renamed"],
)
def test_masks_that_do_not_fit_are_an_error_that_names_the_tensors(change, odd):
    run = toy_run()
    with pytest.raises(ValueError, match="masks do not fit the prunable tensors of this task: .*" + odd):
        run.prune(Masks(change(dict(Masks.ones(run.weights)))))
    assert run.masks.density == 1.0
    run.train(1)


def test_masks_may_come_in_any_order():
    run = toy_run()
    masks = smallest(run)
    run.prune(Masks({name: masks[name] for name in reversed(list(masks))}))
    assert run.masks == masks
    assert list(run.masks) == list(run.weights)


def revive(run: Run) -> None:
    with torch.no_grad():
        run._model[4].weight[0, 0] += 1


def recentre(run: Run) -> None:
    run._model[1].running_mean += 1


def behind_autograd(run: Run) -> None:
    run._model[4].weight.data[0, 0] += 1


BY_HAND = pytest.mark.parametrize("change", [revive, recentre, behind_autograd])


@BY_HAND
@pytest.mark.parametrize(
    ("verb", "when"),
    [
        (lambda run: run.prune(Masks.ones(run.weights)), "before prune()"),
        (lambda run: run.train(1), "before train()"),
        (lambda run: list(run.steps(1)), "before steps()"),
        (lambda run: run.restore(run.snapshot()), "before restore()"),
        (lambda run: run.rewind(0), "before rewind()"),
        (lambda run: run.finish(), "after the last verb"),
    ],
    ids=["prune", "train", "steps", "restore", "rewind", "finish"],
)
def test_changing_the_network_between_two_verbs_is_a_breach(change, verb, when):
    run = toy_run()
    run.train(2)
    change(run)
    with pytest.raises(Breach, match="the network was changed outside the verbs of the run"):
        verb(run)
    assert run.breaches == [f"the network was changed outside the verbs of the run, {when}"]


def hand_in_a_pause(
    run: Run, change: Callable[[Run], None], then: Callable[[Run], None] = lambda run: None, at: int = 0
) -> None:
    for step in run.steps(4):
        if step.index == at:
            change(run)
            then(run)
    run.finish()


@pytest.mark.parametrize("change", [revive, recentre])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_changing_weights_in_a_pause_is_a_breach(change, at):
    run = toy_run()
    with pytest.raises(Breach, match=r"weights were changed by hand in a pause of steps\(\)"):
        hand_in_a_pause(run, change, at=at)
    assert run.breaches == ["weights were changed by hand in a pause of steps()"]
    assert run.clock == at


def test_a_breach_is_noted_even_where_it_is_swallowed():
    run = toy_run()
    with suppress(Breach):
        hand_in_a_pause(run, revive)
    run.train()
    run.finish()
    assert len(run.breaches) == 1


def test_pruning_after_a_change_by_hand_in_a_pause_does_not_hide_it():
    with pytest.raises(Breach):
        hand_in_a_pause(toy_run(), revive, then=lambda run: run.prune(run.masks))


def test_changing_data_behind_autograd_is_found_at_the_first_pause_and_now_and_then_later():
    """Every pause would be dear: only the bits tell, and these are looked at every CHECK_EVERY steps."""
    with pytest.raises(Breach):
        hand_in_a_pause(toy_run(), behind_autograd)
    run = toy_run()
    run.train(CHECK_EVERY - 1)
    with pytest.raises(Breach):
        hand_in_a_pause(run, behind_autograd, at=CHECK_EVERY)


def test_leaving_a_pause_for_good_does_not_hide_a_change_by_hand():
    run = toy_run()
    for _ in run.steps():
        revive(run)
        break
    assert run.breaches == ["weights were changed by hand in a pause of steps()"]


def test_honest_pruning_in_a_pause_is_no_breach():
    run = toy_run()
    hand_in_a_pause(run, lambda run: run.prune(smallest(run)), then=lambda run: run.prune(~run.masks))
    assert run.breaches == []


# --- divergence -------------------------------------------------------------------------------------------------------


def exploding() -> Run:
    task = replace(toy, models={"net": lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))})
    return toy_run(Recipe(steps=400, batch_size=32, rate=1e25), task=task)


def test_divergence_is_noticed_within_so_many_steps():
    run = exploding()
    losses: list[float] = []

    def watched() -> Iterator[None]:
        for step in run.steps():
            losses.append(float(step.loss))
            yield

    with pytest.raises(Diverged, match="the training loss was not finite before step"):
        list(watched())
    first = next(step for step, loss in enumerate(losses) if not np.isfinite(loss))
    assert len(losses) - first <= CHECK_EVERY
    assert first < CHECK_EVERY < run.recipe.steps


@pytest.mark.parametrize("steps", [CHECK_EVERY - 10, None], ids=["short", "long"])
def test_no_training_ends_quietly_after_a_loss_that_is_not_finite(steps):
    with pytest.raises(Diverged):
        exploding().train(steps)


def test_a_single_loss_that_is_not_finite_is_not_forgotten():
    """Infinite once, with a gradient like any other: every later loss is finite again."""
    losses = iter([0.0, 0.0, float("inf")])
    task = replace(toy, loss=lambda model, batch: toy.loss(model, batch) + next(losses, 0.0))
    run = toy_run(PLAIN, task=task)
    losses = iter([0.0, 0.0, float("inf")])
    with pytest.raises(Diverged):
        run.train()
    assert run.clock == PLAIN.steps
