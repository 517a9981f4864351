"""Networks that begin with a start: what is taken is exact, what is not is said, and the record tells both."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmark import Run, Snapshot, Task, algorithm
from benchmark.contract.toy import toy
from benchmark.errors import Inapplicable
from benchmark.harness.answer import verdict
from benchmark.harness.handover import pack
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.harness.run_algorithm import run_algorithm
from benchmark.harness.starts import StartFile, fit, relayered
from benchmark.plugins import catalog, registry
from benchmark.plugins.algorithm import TRAINS, Algorithm
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.training.recipe import Recipe, finetuned
from benchmark.training.state import network_digest, tensors

KEY = "1a" * 32


def asked(method: str | Algorithm = "dense", start: StartFile | None = None, task: Task = toy, **cell: Any) -> Question:
    loaded = registry.algorithm(method) if isinstance(method, str) else method
    given = {"task": "toy", "model": "net", "sparsity": 0.0, "budget": "smoke", "seed": 0}
    of = Cell.model_validate(given | {"algorithm": loaded.name, "start": KEY if start else ""} | cell)
    return Question(of, loaded, task, start=start)


def network(question: Question) -> dict[str, Tensor]:
    """What the run of a cell hands over."""
    return run_algorithm(question, question.task.data(Path()).train).handover.state


def written(values: Mapping[str, Tensor], folder: Path, task: str = "toy") -> StartFile:
    content = pack(dict(values))
    (folder / "start.safetensors").write_bytes(content)
    return StartFile(folder / "start.safetensors", hashlib.sha256(content).hexdigest(), task)


def answered(question: Question) -> Record:
    return verdict(question).record


NONE = {"finetune": {"share": 0}}

# --- what is taken ----------------------------------------------------------------------------------------------------


@pytest.mark.runs
@pytest.mark.parametrize(("method", "sparsity"), [("dense", 0.0), ("imp", 0.7), ("snip", 0.5)])
def test_a_record_as_start_without_a_step_has_its_metrics_bit_for_bit(
    method: str, sparsity: float, tmp_path: Path
) -> None:
    first = asked(method, sparsity=sparsity)
    before, values = answered(first), network(first)
    assert before.network_digest == network_digest(values)
    after = answered(asked("dense", written(values, tmp_path), seed=5, **NONE))
    assert (after.metrics, after.validation, after.network_digest) == (
        before.metrics,
        before.validation,
        before.network_digest,
    )
    assert (after.cost.trainings, after.cost.training_steps, after.notes) == (0, 0, [])
    assert after.provenance["start"]["taken"] == list(values)
    assert after.provenance["start"]["drawn"] == []


def test_two_seeds_of_one_start_have_equal_bodies_and_other_heads(tmp_path: Path) -> None:
    values = {**tensors(build(toy, "net", 3)), "6.weight": torch.zeros(7, 16), "6.bias": torch.zeros(7)}
    start = written(values, tmp_path)
    one, two = (tensors(_begun(asked("dense", start, seed=seed))) for seed in (0, 1))
    for name, value in one.items():
        assert torch.equal(value, two[name]) != name.startswith("6."), name
        assert name.startswith("6.") or torch.equal(value, values[name])


def _begun(question: Question) -> nn.Module:
    from benchmark.harness.prepare import begin

    return begin(question, toy.data(Path()).train).model


@pytest.mark.runs
def test_what_is_drawn_is_noted_with_the_reason(tmp_path: Path) -> None:
    values = dict(tensors(build(toy, "net", 3)))
    del values["0.bias"]
    start = written(values | {"6.weight": torch.zeros(7, 16)}, tmp_path)
    record = answered(asked("dense", start))
    assert record.provenance["start"]["drawn"] == ["0.bias", "6.weight"]
    [note] = record.notes
    assert "0.bias (not in the start), 6.weight (2 x 16 here, 7 x 16 in the start)" in note


@pytest.mark.runs
def test_nothing_in_common_is_a_skip_that_names_both(tmp_path: Path) -> None:
    record = answered(asked("dense", written({"body.weight": torch.zeros(3)}, tmp_path)))
    assert record.status == "skipped"
    assert "it has body.weight, and the network 0.weight (not in the start)" in str(record.error)


def test_buffers_alone_are_nothing_in_common() -> None:
    with pytest.raises(Inapplicable, match="no parameter"):
        fit({"1.num_batches_tracked": torch.tensor(4)}, build(toy, "net", 0), toy)


@pytest.mark.runs
def test_a_start_that_was_edited_fails_by_name(tmp_path: Path) -> None:
    start = written(tensors(build(toy, "net", 3)), tmp_path)
    start.path.write_bytes(start.path.read_bytes()[:-1] + b"x")
    record = answered(asked("dense", start))
    assert record.status == "failed"
    assert str(start.path) in str(record.error)


def test_state_dicts_of_torch_are_read_without_running_them(tmp_path: Path) -> None:
    values = dict(tensors(build(toy, "net", 3)))
    torch.save({"state_dict": values, "epoch": 3}, tmp_path / "net.pth")
    content = (tmp_path / "net.pth").read_bytes()
    read = StartFile(tmp_path / "net.pth", hashlib.sha256(content).hexdigest()).tensors()
    assert read.keys() == values.keys()
    assert all(torch.equal(read[name], values[name]) for name in values)
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    with pytest.raises(ValueError, match=r"whole\.pth"):
        StartFile(tmp_path / "whole.pth", hashlib.sha256(content).hexdigest()).tensors()


# --- trained, and trained further -------------------------------------------------------------------------------------


class Seen(list[bool]):
    """What `run.trained` said."""

    def method(self) -> Algorithm:
        @algorithm(prunes=None)
        def looking(run: Run) -> None:
            """Looks."""
            self.append(run.trained)

        return looking


@pytest.mark.parametrize(
    ("missing", "task", "comes"),
    [(False, "toy", True), (False, "", True), (False, "other", False), (True, "toy", False)],
)
def test_a_network_comes_trained_if_all_of_it_was_and_for_this_task(
    missing: bool, task: str, comes: bool, tmp_path: Path
) -> None:
    values, seen = dict(tensors(build(toy, "net", 3))), Seen()
    if missing:
        del values["6.weight"]
    run_algorithm(asked(seen.method(), written(values, tmp_path, task)), toy.data(Path()).train)
    run_algorithm(asked(seen.method()), toy.data(Path()).train)
    assert seen == [comes, False]


@pytest.mark.runs
def test_magnitude_prunes_a_trained_network_at_once_and_fine_tunes_it(tmp_path: Path) -> None:
    start, steps = written(network(asked("dense")), tmp_path), toy.recipe("smoke").steps
    counts = {
        share: answered(asked("magnitude", start, sparsity=0.5, finetune={"share": share})).cost.training_steps
        for share in (0, 0.5, 1)
    }
    assert counts == {0: 0, 0.5: round(steps / 2), 1: steps}
    assert answered(asked("magnitude", sparsity=0.5)).cost.training_steps == 2 * steps


@pytest.mark.runs
def test_cost_counts_from_the_start_in_trainings_of_the_budget(tmp_path: Path) -> None:
    start = replace(written(network(asked("dense")), tmp_path), cost={"trainings": 1.0})
    record = answered(asked("dense", start, finetune={"share": 0.5}))
    assert record.cost.trainings == 0.5
    assert record.provenance["start"]["cost"] == {"trainings": 1.0}
    assert record.provenance["recipe"]["rate"] == pytest.approx(toy.recipe("smoke").rate / 10)


def test_a_share_of_a_recipe_is_shorter_and_slower() -> None:
    whole = Recipe(steps=200, batch_size=8, rate=0.4, milestones=(100, 150), warmup=20)
    assert finetuned(whole, 0.1, 0.1) == replace(
        whole, steps=20, rate=pytest.approx(0.04), milestones=(10, 15), warmup=2
    )
    assert finetuned(whole, 1.0, 1.0) == whole
    none = finetuned(replace(whole, cosine=True), 0, 0.1)
    assert none.steps == 0
    assert none.rate_at(0) >= 0


WHILE_IT_TRAINS = sorted(name for name in catalog.plugins("algorithm") if catalog.when(name) in TRAINS)


@pytest.mark.runs
@pytest.mark.parametrize("name", WHILE_IT_TRAINS)
def test_a_method_that_prunes_while_it_trains_is_skipped_where_there_is_no_step(name: str, tmp_path: Path) -> None:
    start = written(network(asked("dense")), tmp_path)
    record = answered(asked(name, start, sparsity=0.5, **NONE))
    assert record.status == "skipped", record.error


@pytest.mark.runs
def test_why_is_told_with_what_to_do(tmp_path: Path) -> None:
    start = written(network(asked("dense")), tmp_path)
    for name in ("gmp", "rigl"):
        record = answered(asked(name, start, sparsity=0.5, **NONE))
        assert (
            record.error == "this method prunes while it trains, and this cell has no step; give it a share: --finetune"
        )


# --- controls ---------------------------------------------------------------------------------------------------------


@pytest.mark.runs
def test_reinit_draws_without_the_start(tmp_path: Path) -> None:
    start, drawn = written(network(asked("dense")), tmp_path), list[dict[str, Tensor]]()

    @algorithm(prunes=None)
    def drawing(run: Run) -> None:
        """Draws."""
        drawn.append(dict(run.redraw("another").state))

    for question in (asked(drawing, start), asked(drawing)):
        run_algorithm(question, toy.data(Path()).train)
    assert all(torch.equal(value, drawn[1][name]) for name, value in drawn[0].items())
    assert not torch.equal(drawn[0]["0.weight"], start.tensors()["0.weight"])


@pytest.mark.runs
def test_a_bias_that_is_drawn_as_0_may_stay_0_after_a_start(tmp_path: Path) -> None:
    """Units whose inputs are all pruned never move theirs."""

    def unbiased() -> nn.Module:
        net = toy.model("net")()
        for name, value in net.named_parameters():
            value.data *= float(not name.endswith("bias"))
        return net

    task = replace(toy, models={"net": unbiased})
    start = written({name: value.detach() + 0.01 for name, value in tensors(unbiased()).items()}, tmp_path)

    @algorithm(prunes=None)
    def drawing(run: Run) -> None:
        """Begins with another draw."""
        run.restore(run.redraw("another"))

    record = answered(asked(drawing, start, task))
    assert (record.status, record.error) == ("ok", None)


@pytest.mark.runs
def test_what_another_draw_has_as_0_may_stay_0_and_nothing_else() -> None:
    """Of ten million normal numbers in single precision about one is exactly 0."""

    def sparse() -> nn.Module:
        net = toy.model("net")()
        bias = net.get_parameter("0.bias")
        bias.data[torch.randperm(len(bias))[:4]] = 0
        return net

    def drawing(run: Run, *, more: int = 0) -> None:
        """Begins with another draw."""
        state = dict(run.redraw("another").state)
        state["0.bias"] = state["0.bias"].clone()
        state["0.bias"][state["0.bias"].nonzero()[:more]] = 0
        run.restore(Snapshot(state, 0))

    task, method = replace(toy, models={"net": sparse}), algorithm(prunes=None)(drawing)
    assert answered(asked(method, task=task)).status == "ok"
    zeroed = answered(asked(method, task=task, options={"more": 3}))
    assert "'0.bias' may not be pruned and has" in str(zeroed.error)


@given(st.integers(0, 2**31), st.integers(2, 6))
def test_relayered_tensors_are_the_same_ones_in_other_places(seed: int, layers: int) -> None:
    values = {f"{i}.{kind}": torch.full((4, 1), 10.0 * i + j) for i in range(layers) for j, kind in enumerate("ab")}
    moved = relayered(values | {"head.a": torch.zeros(3)}, torch.Generator().manual_seed(seed))
    assert torch.equal(moved.pop("head.a"), torch.zeros(3))
    for kind in "ab":
        before = [float(value[0, 0]) for name, value in values.items() if name.endswith(kind)]
        after = [float(value[0, 0]) for name, value in moved.items() if name.endswith(kind)]
        assert sorted(before) == sorted(after)
        assert all(a != b for a, b in zip(before, after, strict=True))


def test_nothing_to_exchange_is_said() -> None:
    biases = {"a.bias": torch.zeros(3), "b.bias": torch.ones(3)}  # of equal shape, and no layer could be exchanged
    for others in ({}, biases):
        with pytest.raises(Inapplicable, match="no two layers of the start have weights of the same shape"):
            relayered({"a.weight": torch.zeros(2, 3), "b.weight": torch.zeros(3, 3), **others}, torch.Generator())


@pytest.mark.runs
def test_relayer_needs_a_start_and_keeps_the_method(tmp_path: Path) -> None:
    values = network(asked("dense", model="residual"))
    control: dict[str, Any] = {"model": "residual", "sparsity": 0.5, "options": {"control": "relayer"}}
    assert answered(asked("magnitude", **control)).status == "skipped"
    exchanged = answered(asked("magnitude", written(values, tmp_path), **control, **NONE))
    plain = answered(asked("magnitude", written(values, tmp_path), model="residual", sparsity=0.5, **NONE))
    assert exchanged.status == plain.status == "ok", exchanged.error
    assert exchanged.network_digest != plain.network_digest
    assert sum(layer.kept for layer in exchanged.layers.values()) == sum(layer.kept for layer in plain.layers.values())
