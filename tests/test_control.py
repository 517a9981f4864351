"""Controls really change what they say, and nothing else; where there is nothing to change they say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmark import Run, algorithm, keep_top, noise, registry
from benchmark.budgets import budgets
from benchmark.control import CONTROLS, narrowed, shuffled
from benchmark.define import Algorithm
from benchmark.errors import Inapplicable, UsageError
from benchmark.harness import Question, answer, build
from benchmark.masks import Masks
from benchmark.record import Cell, Record
from benchmark.target import Target, pattern_named
from benchmark.toy import toy


def record(name: str, control: str | None = None, sparsity: float = 0.8, pattern: str = "global") -> Record:
    """Of an algorithm, or of its control, on the toy task."""
    algorithm = registry.algorithm(name)
    options = algorithm.resolve({"control": control} if control else {})
    cell = Cell(
        algorithm=name,
        options=options,
        task="toy",
        model="net",
        pattern=pattern,
        sparsity=sparsity,
        budget="smoke",
        seed=0,
    )
    return answer(Question(cell, algorithm, toy))


class Watched(Run):
    """Remembers the state that every training of the whole recipe starts from."""

    def train(self, steps: int | None = None) -> None:
        self.starts = [*getattr(self, "starts", []), (self.weights, self.masks)]
        super().train(steps)


def watched(name: str, control: str) -> Watched:
    data, seeds = toy.data(Path()).train, {"redraw": 5, "another": 7}
    run = Watched(
        toy, build(toy, "net", 0), toy.recipe("smoke"), Target(0.2), data, 0, draw=lambda n: build(toy, "net", seeds[n])
    )
    algorithm: Algorithm = registry.algorithm(name)
    with torch.random.fork_rng(devices=[]):
        CONTROLS[control](run, algorithm)
    return run


@pytest.mark.parametrize("name", ["snip", "imp", "granet", "synflow"])
def test_shuffling_moves_masks_within_layers_and_keeps_the_initial_weights(name: str) -> None:
    subject, control = record(name), record(name, "shuffle")
    assert control.status == "ok"
    assert {n: c.kept for n, c in control.layers.items()} == {n: c.kept for n, c in subject.layers.items()}
    assert control.mask_digest != subject.mask_digest
    weights, masks = watched(name, "shuffle").starts[-1]
    initial = dict(build(toy, "net", 0).named_parameters())
    assert all(torch.equal(weights[n], initial[n].detach() * mask) for n, mask in masks.items())


@pytest.mark.parametrize("name", ["snip", "imp", "random"])
def test_erk_random_masks_have_other_layer_densities_and_the_same_total(name: str) -> None:
    subject, control = record(name), record(name, "erk-random")
    kept = {n: c.kept for n, c in control.layers.items()}
    shapes = {n: w.shape for n, w in dict(build(toy, "net", 0).named_parameters()).items() if n in kept}
    assert control.status == "ok"
    assert kept == budgets("erk", shapes, 0.2)
    assert kept != {n: c.kept for n, c in subject.layers.items()}
    weights, masks = watched(name, "erk-random").starts[-1]
    initial = dict(build(toy, "net", 0).named_parameters())
    assert all(torch.equal(weights[n], initial[n].detach() * mask) for n, mask in masks.items())


@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.9])
def test_a_small_dense_network_has_no_more_parameters_than_pruning_leaves(sparsity: float) -> None:
    """And the next width would have more: the toy's widths are 6, 16, 16 and 2, with biases and a norm."""

    def size(width: float) -> int:
        return sum(p.numel() for p in toy.model("net")(width=width).parameters())

    full = size(1.0)
    prunable = 6 * 16 + 16 * 16 + 16 * 2
    left = full - prunable + round((1 - sparsity) * prunable)
    control = record("snip", "dense-small", sparsity)
    found = sum(p.numel() for p in narrowed(toy, "net", Target(1 - sparsity)).model("net")().parameters())
    assert control.status == "ok"
    assert found <= left < min(size(units / 16) for units in range(1, 17) if size(units / 16) > found)
    assert control.density is not None
    assert control.density.weights == 1.0
    assert sum(layer.total for layer in control.layers.values()) < prunable


def test_a_model_without_a_width_has_no_small_dense_control() -> None:
    def rigid_net() -> nn.Module:
        return toy.model("net")()

    rigid = replace(toy, models={"net": rigid_net})
    with pytest.raises(Inapplicable, match="has no width"):
        narrowed(rigid, "net", Target(0.5))


@pytest.mark.parametrize("pattern", ["2:4", "blocks:2x2", "channels"])
def test_a_pattern_that_does_not_tell_what_it_leaves_has_no_small_network_of_equal_size(
    pattern: str,
) -> None:
    assert record("snip", "dense-small", 0.5, pattern).status == "skipped"


@pytest.mark.parametrize("name", ["magnitude", "gmp", "granet"])
def test_retraining_keeps_the_final_masks_and_trains_them_once_from_the_start(name: str) -> None:
    subject, control = record(name), record(name, "retrain")
    assert control.status == "ok"
    assert control.mask_digest == subject.mask_digest
    assert control.metrics != subject.metrics
    weights, masks = watched(name, "retrain").starts[-1]
    initial = dict(build(toy, "net", 0).named_parameters())
    assert all(torch.equal(weights[n], initial[n].detach() * mask) for n, mask in masks.items())


@pytest.mark.parametrize("name", ["snip", "imp", "random"])
def test_what_trains_so_already_is_not_retrained(name: str) -> None:
    """IMP that rewinds to the initial weights too: its last round is the control."""
    found = record(name, "retrain")
    assert found.status == "skipped"
    assert "how the method itself trains" in str(found.error)


def test_a_long_dense_training_has_the_updates_of_its_subject() -> None:
    subject, control, dense = record("imp"), record("imp", "dense-long"), record("dense")
    assert control.status == "ok"
    assert control.density is not None
    assert control.density.weights == 1.0
    assert control.cost.training_steps == 2 * subject.cost.training_steps  # the control has to run its subject
    assert control.metrics != dense.metrics or control.validation != dense.validation


def test_a_long_dense_training_is_the_schedule_over_and_over() -> None:
    run = watched("imp", "dense-long")
    twin = Watched(toy, build(toy, "net", 0), toy.recipe("smoke"), Target(1.0), toy.data(Path()).train, 0)
    for _ in range(run.meter.updates // 2 // twin.recipe.steps):
        twin.rewind(0)
        twin.train()
    assert all(torch.equal(w, twin.weights[n]) for n, w in run.weights.items())


@pytest.mark.parametrize("control", ["shuffle", "erk-random", "retrain"])
def test_what_a_method_restores_after_its_training_is_no_start(control: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @algorithm()
    def rounded(run: Run) -> None:
        """Rounded: train some of the weights, then keep one digit of each."""
        run.prune(keep_top(noise(run.weights, run.rng), run.target))
        run.train()
        end = run.snapshot()
        run.restore(replace(end, state={**end.state, **{n: w.round(decimals=1) for n, w in run.weights.items()}}))

    monkeypatch.setattr(registry, "algorithm", lambda name: rounded)
    weights, masks = watched("rounded", control).starts[-1]
    initial = dict(build(toy, "net", 0).named_parameters())
    assert all(torch.equal(weights[n], initial[n].detach() * mask) for n, mask in masks.items())


def test_what_trains_once_has_no_longer_dense_training() -> None:
    assert record("snip", "dense-long").status == "skipped"


@pytest.mark.parametrize("control", ["shuffle", "erk-random", "reinit", "retrain"])
def test_weights_that_are_never_trained_have_no_other_positions_to_try(control: str) -> None:
    found = record("edge-popup", control)
    assert found.status == "skipped"
    assert "never trains its weights" in str(found.error)


@pytest.mark.parametrize("name", ["snip", "imp", "granet"])
def test_reinitialising_keeps_the_masks_and_draws_other_weights(name: str) -> None:
    subject, control = record(name), record(name, "reinit")
    assert control.mask_digest == subject.mask_digest
    assert control.metrics != subject.metrics or control.validation != subject.validation
    weights, masks = watched(name, "reinit").starts[-1]
    another = dict(build(toy, "net", 7).named_parameters())
    assert all(torch.equal(weights[n], another[n].detach() * mask) for n, mask in masks.items())


def test_inverting_keeps_what_the_method_would_remove() -> None:
    """Half the weights: what is kept and what is kept upside down are complements."""
    runs = []
    for control in (None, "invert"):
        run = Watched(toy, build(toy, "net", 0), toy.recipe("smoke"), Target(0.5), toy.data(Path()).train, 0)
        subject = registry.algorithm("snip")
        with torch.random.fork_rng(devices=[]):
            subject(run) if control is None else CONTROLS["invert"](run, subject)
        runs.append(run.masks)
    assert runs[1] == ~runs[0]


@pytest.mark.parametrize(
    "name", ["imp", "gmp", "granet", "rigl", "set", "synflow", "grasp", "force", "magnitude", "edge-popup"]
)
def test_every_ranking_can_be_inverted(name: str) -> None:
    assert record(name, "invert").mask_digest != record(name).mask_digest


@pytest.mark.parametrize("name", ["snip", "grasp", "force"])
def test_random_labels_change_the_masks_and_not_the_training_data(name: str) -> None:
    subject, control = record(name), record(name, "random-labels")
    assert control.status == "ok"
    assert control.mask_digest != subject.mask_digest


def test_random_labels_are_the_same_labels_in_another_order() -> None:
    data = toy.data(Path()).train
    other = data.relabelled(torch.Generator().manual_seed(0))
    assert torch.equal(other.inputs, data.inputs)
    assert not torch.equal(other.targets, data.targets)
    assert torch.equal(other.targets.sort().values, data.targets.sort().values)


@pytest.mark.parametrize(
    ("name", "control", "reason"),
    [
        ("synflow", "random-labels", "scores no batch"),
        ("imp", "random-labels", "scores no batch"),
        ("dense", "invert", "ranks nothing through its target"),
    ],
)
def test_a_control_with_nothing_to_change_is_skipped_and_says_why(name: str, control: str, reason: str) -> None:
    found = record(name, control)
    assert found.status == "skipped"
    assert reason in str(found.error)


def test_nothing_can_be_shuffled_where_everything_is_kept() -> None:
    assert record("snip", "shuffle", sparsity=0.0).status == "skipped"


def test_shuffled_two_of_four_is_two_of_four() -> None:
    assert record("snip", "shuffle", 0.5, "2:4").status == "ok"
    assert record("snip", "shuffle", 0.5, "blocks:2x2").status == "skipped"


def test_shuffles_of_two_seeds_differ() -> None:
    found: list[Masks] = []
    for seed in (0, 1):
        target = Target(0.2, pattern_named("global"))
        run = Run(toy, build(toy, "net", 0), toy.recipe("smoke"), target, toy.data(Path()).train, seed)
        run.prune(target.pattern.keep({n: w.abs() for n, w in run.weights.items()}, 0.2))
        found.append(shuffled(run))
    assert found[0].counts == found[1].counts
    assert found[0] != found[1]


def test_an_unknown_control_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"retrain \| shuffle \| erk-random \| reinit \| .* \| dense-long"):
        registry.algorithm("snip").resolve({"control": "scramble"})
