"""Methods that learn part after part: what they use, what they leave alone, and what replay may do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmark.algorithms import _gates, _replay
from benchmark.algorithms._replay import Transfer
from torch import Tensor, nn

from benchmark import Inapplicable, Run, Target, TensorData
from benchmark.contract.toy_stream import PARTS, toy_stream
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.pruning.masks import Masks
from benchmark.training.course import Course
from benchmark.training.parts import StreamPart
from benchmark.training.run import state_of
from benchmark.training.run_state import RunState
from benchmark.training.state import fingerprint, tensors
from benchmark.training.stream import answered

pytestmark = pytest.mark.runs


def run_of(name: str, steps: int = 120, **options: Any) -> Run:
    """A run of the toy stream that a method has gone through."""
    splits, net = toy_stream.data(Path()), build(toy_stream, "stream", 0)
    recipe = replace(toy_stream.recipe("full"), steps=steps)
    state = RunState(toy_stream, net, recipe, Target(1.0), splits.train, 0, validation=splits.validation)
    method = registry.algorithm(name)
    method(Run(state), **method.resolve(options))
    state.finish()
    return Run(state)


def course(run: Run) -> Course:
    found = state_of(run).course
    assert found is not None
    return found


def answers(run: Run, state: Mapping[str, Tensor], part: int) -> Tensor:
    inputs, _ = course(run).validation[part].batch(torch.arange(20))
    used = answered(state, course(run).masks_of(part))
    with torch.no_grad():
        return torch.func.functional_call(state_of(run).model, used, (inputs,))[:, course(run).stream.rows(part)]


@pytest.mark.parametrize(("name", "options"), [("packnet", {}), ("supsup", {}), ("dsn", {}), ("dsn", {"eta": 0.0})])
def test_outputs_on_old_parts_are_the_same_bits_after_later_ones(name: str, options: dict[str, Any]) -> None:
    run = run_of(name, **options)
    states = [*course(run).snapshots, tensors(state_of(run).model)]
    for part in range(PARTS):
        first = answers(run, states[part], part)
        assert first.abs().sum() > 0
        assert all(torch.equal(answers(run, later, part), first) for later in states[part:])


@pytest.mark.parametrize(("name", "options"), [("packnet", {}), ("dsn", {"eta": 0.0})])
def test_capacity_grows_and_nothing_is_let_go(name: str, options: dict[str, Any]) -> None:
    frozen = [one.masks for one in course(run_of(name, **options)).frozen]
    assert len(frozen) == PARTS
    for before, after in pairwise(frozen):
        assert after.kept > before.kept
        assert after & before == before


def test_supsup_moves_no_weight_and_takes_its_share_of_each_layer() -> None:
    run = run_of("supsup", kept=0.25)
    final = tensors(state_of(run).model)
    assert all(torch.equal(value, final[name]) for state in course(run).snapshots for name, value in state.items())
    assert [one.masks.counts for one in course(run).uses] == [{"0.weight": 24, "2.weight": 64}] * PARTS
    assert len({str(one.masks["2.weight"].tolist()) for one in course(run).uses}) == PARTS
    assert final["2.weight"].abs().unique().tolist() == [pytest.approx(math.sqrt(2 / 16))]


# --- gates ------------------------------------------------------------------------------------------------------------


def test_gates_harden_within_every_epoch() -> None:
    assert [_gates.sharpness(step, 3) for step in range(4)] == [
        pytest.approx(value) for value in (1 / 200, (200 + 1 / 200) / 2, 200, 1 / 200)
    ]
    assert _gates.sharpness(7, 1) == 200


def test_a_gate_scales_the_weights_and_the_bias_of_its_unit() -> None:
    given = {"a.weight": torch.ones(2, 3), "a.bias": torch.tensor([2.0, 4.0]), "b.weight": torch.ones(1, 2)}
    used = _gates.gated(given, {"a.weight": torch.tensor([0.5, 0.0])})
    assert used["a.weight"].tolist() == [[0.5] * 3, [0.0] * 3]
    assert used["a.bias"].tolist() == [1.0, 0.0]
    assert used["b.weight"] is given["b.weight"]


def test_the_penalty_is_for_new_units_alone() -> None:
    used = {"a": torch.tensor([True, False]), "b": torch.tensor([False, False])}
    cost = _gates.price(used, 0.75)
    assert cost["a"].tolist() == [0.0, 0.25]
    assert cost["b"].tolist() == [0.25, 0.25]


def test_the_slope_of_a_gate_is_made_even_over_sharpness() -> None:
    """At e = 0: s g (1 - g) is s / 4, and the correction BETA / s; so the penalty 1 gives BETA / 4, whatever s is."""
    zero = torch.zeros(1)
    for s in (0.005, 1.0, 200.0):
        assert _gates.slope_of(zero, s, zero, torch.ones(1)).item() == pytest.approx(50.0)
    e, s = torch.tensor([2.0]), 0.005
    expected = 3.0 * 200 / s * (math.cosh(s * 2) + 1) / (math.cosh(2) + 1)
    assert _gates.slope_of(e, s, torch.tensor([3.0]), zero).item() == pytest.approx(expected, rel=1e-5)
    assert bool(_gates.slope_of(torch.tensor([6.0]), 200.0, torch.ones(1), zero).isfinite())


def test_weights_between_used_units() -> None:
    units = {"a": torch.tensor([True, False]), "b": torch.tensor([False, True])}
    masks = _gates.masks_between(units, {"a": torch.ones(2, 3), "b": torch.ones(2, 4)})  # two pixels a channel
    assert masks["a"].tolist() == [[True] * 3, [False] * 3]
    assert masks["b"].tolist() == [[False] * 4, [True, True, False, False]]
    with pytest.raises(Inapplicable, match="'b' does not follow"):
        _gates.masks_between(units, {"a": torch.ones(2, 3), "b": torch.ones(2, 5)})


def test_a_dear_unit_is_used_by_fewer_parts() -> None:
    cheap, dear = (course(run_of("dsn", steps=240, eta=eta)).frozen[-1].masks.density for eta in (0.0, 8.0))
    assert dear < cheap


# --- replay -----------------------------------------------------------------------------------------------------------


def in_last_part(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Run, Transfer, Any]]:
    """The attempts that `dsn:replay=true` makes, which are stopped before they begin."""
    asked: list[tuple[Run, Transfer, Any]] = []

    def noted(self: Transfer, run: Run, used: Any) -> bool:
        if state_of(run).course.number == PARTS - 1:  # type: ignore[union-attr]
            asked.append((run, self, used))
        return False

    monkeypatch.setattr(_replay, "STEPS", 3)
    attempt = Transfer.attempt
    monkeypatch.setattr(Transfer, "attempt", noted)
    run_of("dsn", eta=0.0, replay=True)
    monkeypatch.setattr(Transfer, "attempt", attempt)
    return asked


@pytest.mark.parametrize("rises", [True, False])
def test_a_transfer_is_kept_if_accuracy_rises_and_else_undone_bit_for_bit(
    rises: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, transfer, used = in_last_part(monkeypatch)[0]
    verdicts = iter([0.5, 0.6 if rises else 0.5])  # as good as before is no rise
    monkeypatch.setattr(StreamPart, "evaluate", lambda self: {"accuracy": next(verdicts)})
    monkeypatch.setattr(Transfer, "_opened", lambda self, run, used, inputs: dict(used))
    before, network, units = transfer.part.masks, fingerprint(state_of(run).model), dict(transfer.units)
    assert transfer.attempt(run, used) is rises
    assert fingerprint(state_of(run).model) == network
    assert (transfer.part.masks == before) is not rises
    if rises:
        assert transfer.part.masks == _gates.masks_between(used, run.weights)
        assert (transfer.part.masks & before) == before
    else:
        assert transfer.units == units


def test_the_baseline_moves_with_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    run, transfer, used = in_last_part(monkeypatch)[0]
    verdicts = iter([0.5, 0.6, 0.6, 0.6])
    monkeypatch.setattr(StreamPart, "evaluate", lambda self: {"accuracy": next(verdicts)})
    opened = iter([{name: mine.clone() for name, mine in transfer.units.items()}, dict(used)])
    monkeypatch.setattr(Transfer, "_opened", lambda self, run, used, inputs: next(opened))
    assert transfer.attempt(run, used)
    kept = transfer.part.masks
    assert not transfer.attempt(run, used)
    assert transfer.part.masks == kept


def test_replay_opens_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    run, transfer, used = in_last_part(monkeypatch)[0]
    monkeypatch.setattr(StreamPart, "evaluate", lambda self: {"accuracy": 0.5})  # the harness's own look at validation

    def sealed(self: TensorData, index: Tensor) -> Any:
        raise AssertionError("data were read")

    monkeypatch.setattr(TensorData, "batch", sealed)
    assert transfer.attempt(run, used) is False
    with pytest.raises(AssertionError, match="data were read"):
        run.batches(1)


def test_imagined_inputs_come_to_their_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    run, transfer, _ = in_last_part(monkeypatch)[0]
    hard = {name: mine.float() for name, mine in transfer.units.items()}

    def distance(steps: int) -> float:
        monkeypatch.setattr(_replay, "STEPS", steps)
        run.rng.manual_seed(0)
        inputs = transfer._imagined(run)
        run.rng.manual_seed(0)
        torch.randn(_replay.IMAGES, *transfer.shape, generator=run.rng)
        targets = transfer._targets(run)
        return float(-(targets * transfer.outputs(run, inputs, hard).log_softmax(1)).sum(1).mean())

    assert distance(40) < distance(0)


def test_units_are_opened_among_those_of_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    run, transfer, used = in_last_part(monkeypatch)[0]
    network = fingerprint(state_of(run).model)
    units = transfer._opened(run, used, torch.randn(_replay.IMAGES, *transfer.shape))
    for name, mine in transfer.units.items():
        assert bool((units[name] | ~mine).all()), "what it uses stays open"
        assert not bool((units[name] & ~used[name]).any()), "what nobody uses stays closed"
    assert fingerprint(state_of(run).model) == network


def test_how_many_transfers_were_kept_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = iter([True, False, True])
    monkeypatch.setattr(Transfer, "attempt", lambda self, run, used: next(verdicts))
    assert state_of(run_of("dsn", replay=True)).log.noted["transfers"] == {"tried": 3, "kept": 2}


def test_where_no_transfer_is_kept_later_parts_learn_as_without_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    def rejected(self: Transfer, run: Run, used: Any) -> bool:
        torch.randn(7, generator=run.rng)
        return False

    monkeypatch.setattr(Transfer, "attempt", rejected)
    plain, replayed = run_of("dsn"), run_of("dsn", replay=True)
    assert fingerprint(state_of(plain).model) == fingerprint(state_of(replayed).model)
    assert [one.masks for one in course(plain).uses] == [one.masks for one in course(replayed).uses]


def test_what_is_drawn_aside_is_neither_drawn_before_nor_after() -> None:
    rng, other = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    with _replay.aside(rng):
        inside = torch.rand(4, generator=rng)
    after = torch.rand(4, generator=rng)
    assert torch.equal(after, torch.rand(4, generator=other))
    assert not torch.equal(inside, after)


@pytest.mark.parametrize("name", ["sequential", "packnet", "supsup", "dsn"])
def test_fewer_steps_than_parts_train_nothing_and_are_refused(name: str) -> None:
    with pytest.raises(Inapplicable, match="2 steps are fewer than the 3 parts of this stream"):
        run_of(name, steps=2)


def test_a_score_of_packnet_ranks_the_weights_of_a_layer_in_its_own_way() -> None:
    by_size, by_loss = (course(run_of("packnet", score=score)).uses[0].masks for score in ("magnitude", "sensitivity"))
    assert by_size != by_loss


def test_without_replay_nothing_is_asked_of_earlier_parts() -> None:
    assert [(one.at, one.of) for one in course(run_of("dsn")).uses] == [(part, part) for part in range(PARTS)]


def test_batch_norm_is_refused_by_methods_that_promise_to_forget_nothing() -> None:
    def normed() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6))

    task = replace(toy_stream, models={"stream": normed})
    for name in ("packnet", "supsup", "dsn"):
        splits, method = task.data(Path()), registry.algorithm(name)
        state = RunState(
            task,
            build(task, "stream", 0),
            task.recipe("smoke"),
            Target(1.0),
            splits.train,
            0,
            validation=splits.validation,
        )
        with pytest.raises(Inapplicable, match="earlier parts would not keep their answers"):
            method(Run(state), **method.resolve({}))


def test_masks_of_no_weight_are_no_masks() -> None:
    units = {"a": torch.zeros(2, dtype=torch.bool)}
    assert _gates.masks_between(units, {"a": torch.ones(2, 3)}) == Masks({"a": torch.zeros(2, 3, dtype=torch.bool)})
