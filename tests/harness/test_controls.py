"""Controls really change what they say, and nothing else; where there is nothing to change they say so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmark import Run, algorithm, keep_top, noise
from benchmark.contract import trial
from benchmark.contract.toy import toy
from benchmark.errors import Inapplicable, UsageError
from benchmark.harness.controls import FUNCTIONS, narrowed, shuffled
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.pruning.layer_densities import weights_per_layer
from benchmark.pruning.masks import Masks
from benchmark.pruning.pattern_names import pattern_named
from benchmark.pruning.regrowth import regrow
from benchmark.pruning.target import Inversion, Target
from benchmark.results.record import Record
from benchmark.training.run_state import RunState

pytestmark = pytest.mark.runs


def record(
    name: str, control: str | None = None, sparsity: float = 0.8, pattern: str = "global", **options: Any
) -> Record:
    """Of an algorithm, or of its control, on the toy task."""
    return trial.record(name, pattern, sparsity, budget="smoke", **options | ({"control": control} if control else {}))


class WatchedRun(Run):
    """Remembers the clock, the weights and the masks that every training starts from."""

    def train(self, steps: int | None = None) -> None:
        self.starts = [*getattr(self, "starts", []), (self.clock, self.weights, self.masks)]
        super().train(steps)

    def starts_last(self, initial: Mapping[str, Tensor], clock: int = 0) -> bool:
        """Whether its last training is from these weights, as far as they are kept, at this place of the schedule."""
        at, weights, masks = self.starts[-1]
        return at == clock and all(torch.equal(w, initial[n].detach() * masks[n]) for n, w in weights.items())


def plain(density: float = 0.2) -> WatchedRun:
    """A run of the toy that no method has had."""
    data, seeds = toy.data(Path()).train, {"redraw": 5, "another": 7}
    target, draw = Target(density), lambda name: drawn(seeds[name])
    return WatchedRun(RunState(toy, drawn(), toy.recipe("smoke"), target, data, 0, draw=draw))


def watched(name: str, control: str, density: float = 0.2, **options: Any) -> WatchedRun:
    """The run of a control of this algorithm."""
    run, algorithm = plain(density), registry.algorithm(name)
    with torch.random.fork_rng(devices=[]):
        FUNCTIONS[control](run, lambda run: algorithm(run, **options))
    return run


def drawn(seed: int = 0) -> nn.Module:
    return build(toy, "net", seed)


def initial(seed: int = 0) -> dict[str, Tensor]:
    """The parameters of a draw of the toy's network."""
    return dict(drawn(seed).named_parameters())


@pytest.mark.parametrize("name", ["snip", "imp", "granet", "synflow"])
def test_shuffling_moves_masks_within_layers_and_keeps_the_initial_weights(name: str) -> None:
    subject, control = record(name), record(name, "shuffle")
    assert control.status == "ok"
    assert {n: c.kept for n, c in control.layers.items()} == {n: c.kept for n, c in subject.layers.items()}
    assert control.mask_digest != subject.mask_digest
    assert watched(name, "shuffle").starts_last(initial())


@pytest.mark.parametrize("name", ["snip", "imp", "random"])
def test_erk_random_masks_have_other_layer_densities_and_the_same_total(name: str) -> None:
    subject, control = record(name), record(name, "erk-random")
    kept = {n: c.kept for n, c in control.layers.items()}
    shapes = {n: w.shape for n, w in initial().items() if n in kept}
    assert control.status == "ok"
    assert kept == weights_per_layer("erk", shapes, 0.2)
    assert kept != {n: c.kept for n, c in subject.layers.items()}
    assert watched(name, "erk-random").starts_last(initial())


@pytest.mark.parametrize("control", ["shuffle", "erk-random"])
def test_other_masks_are_trained_from_where_the_method_itself_starts_last(control: str) -> None:
    """IMP that rewinds to a quarter of 24 steps: from the weights of that moment, and from there on."""
    twin = plain()
    twin.train(6)
    assert watched("imp", control, rewind=0.25).starts_last(twin.weights, clock=6)


def test_gem_miner_is_shuffled_from_its_constants_and_redrawn_as_the_network_is() -> None:
    constants = {n: w.sign() * math.sqrt(2 / w.shape[1]) for n, w in initial().items() if w.dim() == 2}
    subject, shuffle, reinit = record("gem-miner"), record("gem-miner", "shuffle"), record("gem-miner", "reinit")
    assert shuffle.status == reinit.status == "ok"
    assert shuffle.mask_digest != subject.mask_digest == reinit.mask_digest
    assert watched("gem-miner", "shuffle").starts_last(constants)
    assert watched("gem-miner", "reinit").starts_last(initial(7))


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
    assert (control.cost.training_steps, control.cost.scoring_passes) == (toy.recipe("smoke").steps, 0)


def test_a_small_dense_network_is_trained_without_its_subject() -> None:
    run = plain()
    FUNCTIONS["dense-small"](run, lambda run: pytest.fail("the subject ran"))
    assert run.clock == run._state.meter.training_steps == run.recipe.steps
    assert run.masks.density == 1.0


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
    assert watched(name, "retrain").starts_last(initial())


@pytest.mark.parametrize(("name", "options"), [("snip", {}), ("imp", {}), ("imp", {"rewind": 0.25}), ("gem-miner", {})])
def test_what_trains_so_already_is_not_retrained(name: str, options: dict[str, Any]) -> None:
    """IMP that rewinds weights too, to the initial ones or later ones: its last round is the control."""
    found = record(name, "retrain", **options)
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
    twin = plain(1.0)
    for _ in range(run._state.meter.updates // 2 // twin.recipe.steps):
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
    assert watched("rounded", control).starts_last(initial())


def test_what_trains_once_has_no_longer_dense_training() -> None:
    assert record("snip", "dense-long").status == "skipped"


@pytest.mark.parametrize("control", ["shuffle", "erk-random", "reinit", "retrain"])
def test_weights_that_are_trained_as_their_own_scores_have_controls(control: str) -> None:
    found = record("sr-ste", control)
    assert found.status == "ok"
    assert found.metrics != record("sr-ste").metrics


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
    assert watched(name, "reinit").starts_last(initial(7))


def test_inverting_keeps_what_the_method_would_remove() -> None:
    """Half the weights: what is kept and what is kept upside down are complements."""
    subject = plain(0.5)
    registry.algorithm("snip")(subject)
    assert watched("snip", "invert", 0.5).masks == ~subject.masks


MOVING = {"rigl": {"interval": 4}, "set": {"interval": 4}}
"""Options with which masks move within the toy's 24 steps."""
RANKING = ["imp", "gmp", "granet", *MOVING, "synflow", "grasp", "force", "magnitude", "edge-popup", "gem-miner", "ugs"]


@pytest.mark.parametrize("name", RANKING)
def test_every_ranking_can_be_inverted(name: str) -> None:
    options = MOVING.get(name, {})
    subject, control = record(name, **options), record(name, "invert", **options)
    assert subject.status == control.status == "ok"
    assert control.mask_digest != subject.mask_digest


def test_inverted_the_best_are_dropped_and_the_worst_are_grown() -> None:
    """Of four live weights one is dropped, and the place that grows is chosen from it and the two free ones."""
    masks = Masks({"fc": torch.tensor([True, True, True, True, False, False])})
    drop, grow = {"fc": torch.tensor([1.0, 2, 3, 4, 0, 0])}, {"fc": torch.tensor([0.0, 0, 0, 5, 6, 4])}
    upright, inverted = (regrow(masks, drop, grow, 0.25, Target(0.5, inversion=i)) for i in (None, Inversion()))
    assert upright["fc"].tolist() == [False, True, True, True, True, False]
    assert inverted["fc"].tolist() == [True, True, True, False, False, True]


@pytest.mark.parametrize("name", ["snip", "grasp", "force"])
def test_random_labels_change_the_masks_and_not_the_training_data(name: str) -> None:
    subject, control = record(name), record(name, "random-labels")
    assert control.status == "ok"
    assert control.mask_digest != subject.mask_digest
    run, twin = watched(name, "random-labels"), plain()
    twin.prune(run.masks)
    twin.train()
    trained, clean = run.snapshot().state, twin.snapshot().state
    assert all(torch.equal(trained[n], clean[n]) for n in clean)


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
        ("wanda", "random-labels", "scores no batch"),
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
        run = Run(RunState(toy, drawn(), toy.recipe("smoke"), target, toy.data(Path()).train, seed))
        run.prune(target.pattern.keep({n: w.abs() for n, w in run.weights.items()}, 0.2))
        found.append(shuffled(run))
    assert found[0].counts == found[1].counts
    assert found[0] != found[1]


def test_an_unknown_control_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"retrain \| shuffle \| erk-random \| reinit \| .* \| dense-long"):
        registry.algorithm("snip").resolve({"control": "scramble"})
