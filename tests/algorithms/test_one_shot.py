"""The one-shot methods: dense, random, magnitude, SNIP. What each keeps, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from benchmark.algorithms.dense import dense
from benchmark.algorithms.magnitude import magnitude
from benchmark.algorithms.random import random
from benchmark.algorithms.snip import snip
from torch import Tensor, nn

from benchmark import Inapplicable, Masks, Recipe, Run, Target, Task, TensorData, keep_top
from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.pruning.layer_densities import weights_per_layer
from benchmark.scores import magnitude as size_of
from benchmark.scores import sensitivity
from benchmark.training.run_state import RunState
from tests.support import runs

pytestmark = pytest.mark.runs

RECIPE = Recipe(steps=6, batch_size=32, rate=0.1, momentum=0.9, milestones=(3,))
PATTERNS = pytest.mark.parametrize(("pattern", "density"), [("global", 0.3), ("layer", 0.3), ("2:4", 0.5)])


def toy_run(density: float = 0.3, pattern: str = "global", seed: int = 0, task: Task = toy, steps: int = 6) -> Run:
    return runs.toy_run(replace(RECIPE, steps=steps), density, seed, task, pattern=pattern)


def after(algorithm: Algorithm, density: float = 0.3, pattern: str = "global", seed: int = 0, **options: object) -> Run:
    run = toy_run(density, pattern, seed)
    algorithm(run, **options)
    run._state.finish()
    return run


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


# --- all of them ------------------------------------------------------------------------------------------------------


@PATTERNS
@pytest.mark.parametrize(
    ("algorithm", "options"),
    [(random, {}), (magnitude, {}), (magnitude, {"when": "init"}), (snip, {}), (snip, {"batches": 3, "rounds": 2})],
    ids=["random", "magnitude", "magnitude at init", "snip", "snip in rounds"],
)
def test_every_method_keeps_exactly_what_every_pattern_asks(algorithm, options, pattern, density):
    run = after(algorithm, density, pattern, **options)
    assert run.target.pattern.breach(run.masks, density) is None
    assert all(not weight[~run.masks[name]].any() for name, weight in run.weights.items())


@pytest.mark.parametrize(
    ("algorithm", "options", "trainings"),
    [
        (dense, {}, 1),
        (random, {}, 1),
        (snip, {"batches": 2}, 1),
        (magnitude, {"when": "init"}, 1),
        (magnitude, {"when": "init", "finetune": 7.0}, 1),
        (magnitude, {}, 2),
        (magnitude, {"finetune": 0.5}, 1.5),
        (magnitude, {"finetune": 0.0}, 1),
    ],
)
def test_every_training_is_on_the_bill(algorithm, options, trainings):
    assert after(algorithm, **options)._state.meter.counts(RECIPE.steps)["trainings"] == trainings


def test_dense_prunes_nothing_and_trains_once():
    run, plain = after(dense, density=1.0), toy_run(1.0)
    plain.train()
    assert same(run.weights, plain.weights)
    assert run.masks.density == 1.0


@pytest.mark.parametrize("algorithm", [random, snip], ids=["random", "snip"])
def test_a_method_that_trains_once_is_dense_training_at_density_one(algorithm):
    plain = toy_run(1.0)
    plain.train()
    assert same(after(algorithm, 1.0).weights, plain.weights)


# --- random -----------------------------------------------------------------------------------------------------------


def test_random_masks_follow_the_seed_and_nothing_else():
    first, again, other = (after(random, seed=seed).masks for seed in (1, 1, 2))
    assert first == again != other


def test_random_masks_do_not_depend_on_weights_or_data():
    """The same seed on a network of other weights, and other examples."""

    def tens() -> nn.Module:
        net = toy.model("net")()
        for parameter in net.parameters():
            nn.init.constant_(parameter, 10.0)
        return net

    points = torch.zeros(64, 6), torch.zeros(64, dtype=torch.int64)
    run = Run(RunState(toy, tens(), replace(RECIPE, steps=1), Target(0.3), TensorData(*points), 1))
    random(run)
    assert run.masks == after(random, seed=1).masks


def test_a_weight_is_kept_as_often_as_the_density_says():
    """60 draws: a count has mean 18 and deviation 3.5."""
    counts = {name: torch.zeros_like(weight) for name, weight in toy_run().weights.items()}
    for seed in range(60):
        run = toy_run(seed=seed, steps=0)
        random(run)
        for name, mask in run.masks.items():
            counts[name] += mask
    everything = torch.cat([count.reshape(-1) for count in counts.values()])
    assert everything.min() > 2
    assert everything.max() < 36
    assert everything.std() == pytest.approx((60 * 0.3 * 0.7) ** 0.5, rel=0.2)
    for count in counts.values():
        assert count.mean() == pytest.approx(18, abs=2)


@pytest.mark.parametrize("distribution", ["uniform", "uniform-first", "uniform+", "er", "erk", "igq"])
def test_a_distribution_sets_the_layer_budgets_exactly(distribution):
    run = after(random, 0.3, distribution=distribution)
    shapes = {name: weight.shape for name, weight in run.weights.items()}
    assert run.masks.counts == weights_per_layer(distribution, shapes, 0.3)
    assert run.masks.kept == 115


def test_under_the_global_pattern_a_random_subset_has_no_layer_budget():
    counts = {tuple(after(random, seed=seed).masks.counts.values()) for seed in range(4)}
    assert len(counts) > 1
    assert {sum(count) for count in counts} == {115}


@pytest.mark.parametrize("distribution", ["uniform", "erk"])
@pytest.mark.parametrize(("pattern", "density"), [("layer", 0.3), ("2:4", 0.5)])
def test_a_distribution_under_a_pattern_that_sets_one_is_not_applicable_and_nothing_is_trained(
    distribution, pattern, density
):
    run = toy_run(density, pattern)
    with pytest.raises(Inapplicable, match="sets the layer densities") as error:
        random(run, distribution=distribution)
    assert str(error.value) == f"pattern {pattern} sets the layer densities; distribution must be left out"
    assert run.clock == 0


# --- magnitude --------------------------------------------------------------------------------------------------------


@PATTERNS
def test_magnitude_at_the_end_keeps_the_largest_trained_weights(pattern, density):
    plain = toy_run(density, pattern)
    plain.train()
    assert after(magnitude, density, pattern).masks == keep_top(size_of(plain.weights), plain.target)


@PATTERNS
def test_magnitude_at_init_keeps_the_largest_initial_weights(pattern, density):
    fresh = toy_run(density, pattern)
    run = after(magnitude, density, pattern, when="init")
    assert run.masks == keep_top(size_of(fresh.weights), fresh.target)
    assert run.clock == RECIPE.steps


def test_without_fine_tuning_the_trained_weights_are_left_as_they_are():
    plain = toy_run()
    plain.train()
    run = after(magnitude, finetune=0.0)
    assert same(run.weights, {name: weight * run.masks[name] for name, weight in plain.weights.items()})


def test_fine_tuning_is_at_the_last_rate():
    run = after(magnitude, finetune=1.0)
    (group,) = run._state.engine._optimizer.param_groups
    assert run.clock == 2 * RECIPE.steps
    assert group["lr"] == RECIPE.rate_at(5) == pytest.approx(0.01)


# --- SNIP -------------------------------------------------------------------------------------------------------------


def sensitivities(run: Run, batches: int = 1, norms: Literal["batch", "running"] = "running") -> dict[str, Tensor]:
    return sensitivity(run.weights, run.gradients(batches, norms=norms))


def by_gates(run: Run, batches: int = 1) -> dict[str, Tensor]:
    """|dL/dc| at c = 1 of the loss at c * w, by autograd: the definition in the paper."""
    weights = run.weights
    gates = {name: torch.ones_like(weight, requires_grad=True) for name, weight in weights.items()}
    gated = {name: gates[name] * weights[name] for name in gates}
    loss = torch.stack([run.loss(batch, gated, norms="running") for batch in run.batches(batches)]).mean()
    return dict(zip(gates, (g.abs() for g in torch.autograd.grad(loss, list(gates.values()))), strict=True))


@pytest.mark.parametrize("batches", [1, 3])
def test_sensitivity_is_the_derivative_of_the_loss_by_a_gate(batches):
    found, expected = sensitivities(toy_run(), batches), by_gates(toy_run(), batches)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-6)
        assert expected[name].max() > 1e-3


@PATTERNS
@pytest.mark.parametrize("batches", [1, 3])
def test_snip_keeps_the_most_sensitive_connections_of_the_initial_network(pattern, density, batches):
    twin = toy_run(density, pattern)
    expected = keep_top(sensitivities(twin, batches), twin.target)
    assert after(snip, density, pattern, batches=batches).masks == expected


def test_snip_averages_signed_gradients_over_batches():
    """The absolute value of the mean, not the mean of the absolute values."""
    run, twin = toy_run(), toy_run()
    weights = twin.weights
    one_by_one = [twin.gradients(1, norms="running") for _ in range(4)]
    found = sensitivities(run, 4)
    for name, weight in weights.items():
        signed = torch.stack([gradients[name] for gradients in one_by_one]).mean(dim=0)
        torch.testing.assert_close(found[name], (weight * signed).abs(), rtol=1e-5, atol=1e-7)
    apart = {n: torch.stack([(w * g[n]).abs() for g in one_by_one]).mean(dim=0) for n, w in weights.items()}
    assert any(not torch.allclose(found[name], apart[name]) for name in apart)


@pytest.mark.parametrize("factor", [0.01, 3.0, 1000.0])
def test_snip_is_invariant_to_the_scale_of_the_loss(factor):
    scaled = replace(toy, loss=lambda model, batch: factor * toy.loss(model, batch))
    plain, other = sensitivities(toy_run()), sensitivities(toy_run(task=scaled))
    for name in plain:
        torch.testing.assert_close(other[name], factor * plain[name])


@pytest.mark.parametrize("power", [-10, 10])
def test_snip_masks_are_invariant_to_the_scale_of_the_loss(power):
    """By a power of two, so that nothing is rounded."""
    scaled = replace(toy, loss=lambda model, batch: 2.0**power * toy.loss(model, batch))
    run = toy_run(task=scaled)
    run.prune(keep_top(sensitivities(run), run.target))
    assert run.masks == after(snip).masks


def rescaled(model: nn.Module, factors: dict[str, float]) -> nn.Module:
    with torch.no_grad():
        for name, factor in factors.items():
            model.get_parameter(name).mul_(factor)
    return model


def scores_of(model: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """In float64 and on all examples at once."""
    data = TensorData(inputs.double(), torch.arange(len(inputs)) % 2, transform=lambda stored: stored)
    recipe = Recipe(steps=1, batch_size=len(inputs), rate=0.1)
    return sensitivities(Run(RunState(toy, model, recipe, Target(0.5), data, 0)), norms="batch")


def relu_net() -> nn.Module:
    return drawn(lambda: [nn.Linear(4, 8, bias=False), nn.ReLU(), nn.Linear(8, 2, bias=False)])


def normed_net() -> nn.Module:
    """Batch norm that adds next to nothing to the variance."""
    norm = nn.BatchNorm2d(4, eps=1e-12)
    return drawn(lambda: [nn.Conv2d(2, 4, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(36, 2)])


def drawn(layers: Callable[[], list[nn.Module]]) -> nn.Module:
    return build(replace(toy, models={"net": lambda: nn.Sequential(*layers()).double()}), "net", 0)


@pytest.mark.parametrize(
    ("net", "shape", "factors"),
    [
        (relu_net, (16, 4), {"0.weight": 5.0, "2.weight": 1 / 5.0}),
        (relu_net, (16, 4), {"0.weight": 0.1, "2.weight": 10.0}),
        (normed_net, (16, 2, 5, 5), {"0.weight": 7.0, "0.bias": 7.0}),
    ],
    ids=["relu up", "relu down", "batch norm"],
)
def test_snip_is_invariant_to_a_rescaling_that_the_network_does_not_feel(net, shape, factors):
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    plain, other = scores_of(net(), inputs), scores_of(rescaled(net(), factors), inputs)
    for name in plain:
        torch.testing.assert_close(other[name], plain[name], rtol=1e-7, atol=1e-9)
        assert plain[name].max() > 1e-4


def test_magnitude_has_no_such_invariance():
    plain, other = relu_net(), rescaled(relu_net(), {"0.weight": 5.0, "2.weight": 1 / 5.0})
    kept = [keep_top(size_of(dict(net.named_parameters())), Target(0.5)) for net in (plain, other)]
    assert kept[0] != kept[1]


@PATTERNS
def test_iterative_snip_prunes_along_the_schedule_and_never_brings_back(pattern, density):
    twin = toy_run(density, pattern)
    for progress in (1 / 3, 2 / 3, 1):
        before = twin.masks
        twin.prune(keep_top(sensitivities(twin), twin.target.at_progress(progress), among=before))
        assert twin.masks & before == twin.masks
    run = after(snip, density, pattern, rounds=3)
    assert run.masks == twin.masks
    assert run._state.meter.counts(RECIPE.steps)["scoring_passes"] == 3


@PATTERNS
def test_iterative_snip_in_one_round_is_single_shot(pattern, density):
    twin = toy_run(density, pattern)
    assert after(snip, density, pattern, rounds=1).masks == keep_top(sensitivities(twin), twin.target)


def test_snip_of_the_same_seed_is_the_same_and_of_another_is_not():
    first, again, other = (after(snip, seed=seed).masks for seed in (1, 1, 2))
    assert first == again != other


def test_snip_trains_the_weights_that_it_scored():
    run, twin = after(snip), toy_run()
    twin.prune(Masks(run.masks))
    twin.train()
    assert same(run.weights, twin.weights)


def test_scoring_is_on_the_bill():
    cost = after(snip, batches=5)._state.meter.counts(RECIPE.steps)
    assert cost["scoring_passes"] == 5
    assert cost["scoring_flops"] > 0
    assert after(random)._state.meter.counts(RECIPE.steps)["scoring_flops"] == 0


class Scored(Run):
    """Keeps the weights whose loss was asked for last."""

    def loss(self, batch, weights=None, **options):
        self.scored_weights = {name: weight.detach().clone() for name, weight in weights.items()}
        return super().loss(batch, weights, **options)

    def gradients(self, count=1, *, norms="batch"):
        self.scored_weights = self.weights
        return super().gradients(count, norms=norms)


@pytest.mark.parametrize("reinit", [False, True])
@pytest.mark.parametrize("name", ["snip", "grasp"])
def test_another_draw_is_trained_or_scored_only_where_it_is_asked_for(name, reinit):
    """SNIP's original trains another draw of all weights; GraSP's scores another draw of the linear ones."""
    own, other = (dict(build(toy, "residual", seed).named_parameters()) for seed in (0, 1))
    recipe, draw = replace(RECIPE, steps=0), lambda name: build(toy, "residual", 1)
    run = Scored(RunState(toy, build(toy, "residual", 0), recipe, Target(0.3), toy.data(Path()).train, 0, draw=draw))
    registry.algorithm(name)(run, reinit=reinit)
    assert {w.dim() for w in run.weights.values()} == {2, 4}
    for n, weight in run.weights.items():
        scored = other if reinit and name == "grasp" and weight.dim() == 2 else own
        trained = other if reinit and name == "snip" else own
        assert torch.equal(run.scored_weights[n], scored[n])
        assert torch.equal(weight, trained[n] * run.masks[n])
