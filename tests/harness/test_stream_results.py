"""The referee tests every part on the network as it was after each, and catches who says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmark import Masks, Run, algorithm
from benchmark.contract.toy_stream import PARTS, toy_stream
from benchmark.harness.answer import answer
from benchmark.harness.handover import Handover, unpacked
from benchmark.harness.question import Question
from benchmark.harness.referee import OpenedSplits, judge
from benchmark.harness.run_algorithm import run_algorithm
from benchmark.harness.stream_results import Passed, capacity, summary
from benchmark.plugins import registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.training.course import Declared
from benchmark.training.run import state_of

pytestmark = pytest.mark.runs


def question(method: Algorithm | str, budget: str = "short") -> Question:
    method = registry.algorithm(method) if isinstance(method, str) else method
    options = method.resolve({})
    cell = Cell(algorithm=method.name, options=options, task="toy", model="stream", sparsity=0.0, budget=budget, seed=0)
    return Question(cell, method, toy_stream)


def judged(method: Algorithm | str, change: Callable[[Handover], Handover] = lambda handover: handover) -> Record:
    """The record of a method whose handover goes through bytes, and may be changed there."""
    asked, splits = question(method), toy_stream.source.splits(Path(), 0)
    ended = run_algorithm(asked, splits.train, validation=splits.validation)
    handover = unpacked(ended.handover.to_bytes())
    return judge(asked, OpenedSplits(splits), change(handover), ended.edit).record


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_mean_accuracy_and_backward_transfer() -> None:
    rows = [[{"accuracy": 0.9}], [{"accuracy": 0.8}, {"accuracy": 0.95}]]
    told = summary(rows, "accuracy")
    assert told == {"accuracy": pytest.approx(0.875), "bwt": pytest.approx(-0.1)}


def test_all_parts_at_once_have_no_backward_transfer() -> None:
    assert summary([[{"accuracy": 0.5}, {"accuracy": 1.0}]], "accuracy") == {"accuracy": 0.75}


def test_capacity_is_the_union_of_the_masks_in_the_end() -> None:
    def masks(*kept: int) -> Masks:
        mask = torch.zeros(4, dtype=torch.bool)
        mask[list(kept)] = True
        return Masks({"a": mask})

    uses = [Declared.now(0, 0, masks(3)), Declared.now(1, 1, masks(1)), Declared.now(1, 0, masks(0, 1))]
    passed = Passed(2, [{}, {}], uses)
    assert capacity(passed) == 0.5
    assert capacity(replace(passed, uses=passed.uses[:1])) == 1.0  # a part that names none is answered with all


# --- records ----------------------------------------------------------------------------------------------------------


def test_packnet_forgets_nothing() -> None:
    record = judged("packnet")
    assert record.status == "ok", record.error
    assert record.metrics["bwt"] == 0.0  # exactly
    assert record.metrics["capacity"] == pytest.approx(1 - 0.5**PARTS, abs=0.01)
    rows = record.diagnosis["R"]
    assert [len(row) for row in rows] == [1, 2, 3]
    assert all(rows[after][part] == rows[part][part] for after in range(PARTS) for part in range(after + 1))
    assert record.metrics["accuracy"] == pytest.approx(sum(rows[-1]) / PARTS)
    assert record.metrics["accuracy"] > 0.6


def test_sequential_training_forgets() -> None:
    record = judged("sequential")
    assert record.status == "ok", record.error
    assert record.metrics["bwt"] < -0.02
    assert record.metrics["capacity"] == 1.0


def test_dense_training_takes_all_parts_at_once() -> None:
    record = judged("dense")
    assert list(record.metrics) == ["accuracy"]
    assert [len(row) for row in record.diagnosis["R"]] == [PARTS]


def test_what_a_sweep_hands_over_gives_the_record_of_one_process() -> None:
    first, second = answer(question("packnet")), judged("packnet")
    assert (first.metrics, first.validation, first.diagnosis) == (second.metrics, second.validation, second.diagnosis)
    assert first.network_digest == second.network_digest


def test_a_method_for_streams_is_skipped_elsewhere() -> None:
    from benchmark.contract.toy import toy

    asked = replace(question("packnet"), task=toy)
    record = answer(asked)
    assert record.status == "skipped"
    assert record.error == "'packnet' works on streams, and the task has none"


# --- liars ------------------------------------------------------------------------------------------------------------


@algorithm(prunes=None, needs="streams", trains_once=False)
def moves_what_it_has_frozen(run: Run) -> None:
    """Lie: lets the engine forget what it holds."""
    for part in run.parts():
        state_of(run).held.clear()
        state_of(run).weight_engine.fixed._held = []
        run.train()
        part.uses(Masks.ones(run.weights))
        run.freeze(Masks.ones(run.weights))


@algorithm(prunes=None, needs="streams", trains_once=False)
def answers_with_other_masks(run: Run) -> None:
    """Lie: exchanges masks behind the back of the run when all parts are known."""
    for part in run.parts():
        run.train()
        part.uses(~Masks.ones(run.weights))
    course = state_of(run).course
    assert course is not None
    object.__setattr__(course.uses[0], "masks", Masks.ones(run.weights))


@algorithm(prunes=None, needs="streams", trains_once=False)
def writes_by_hand(run: Run) -> None:
    """Lie: changes a frozen weight without a verb."""
    for _ in run.parts():
        run.train()
        run.freeze(Masks.ones(run.weights))
        with torch.no_grad():
            state_of(run).weights["2.weight"].add_(1)


def test_a_frozen_weight_that_moves_is_found() -> None:
    record = judged(moves_what_it_has_frozen)
    assert record.status == "failed"
    assert "'0.weight' has 96 frozen entries that changed in part 2" in str(record.error)
    assert "'4.bias' has 2 frozen entries that changed in part 2" in str(record.error)


def test_a_frozen_weight_that_is_changed_by_hand_is_found() -> None:
    assert "changed outside the verbs" in str(judged(writes_by_hand).error)


def exchanged(handover: Handover) -> Handover:
    """The handover with other masks for the first part."""
    given = {name: ~value if name.startswith("uses/0/") else value for name, value in handover.stream.items()}
    return replace(handover, stream=given)


def moved(handover: Handover) -> Handover:
    """The handover with another network after the first part."""
    given = {n: v + 1 if n.startswith("after/0/") and v.is_floating_point() else v for n, v in handover.stream.items()}
    return replace(handover, stream=given)


def halved(handover: Handover) -> Handover:
    """The handover of a run that has gone through fewer parts."""
    return replace(handover, notes=handover.notes.model_copy(update={"parts": 2}))


def bare(handover: Handover) -> Handover:
    """The handover without any tensors of its stream."""
    return replace(handover, stream={})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (exchanged, "part 1 is answered with other masks than were declared"),
        (moved, "frozen entries that changed in part 2"),
        (halved, "it has gone through 2 of 3 parts"),
        (bare, "the network after part 1 is not of the tensors that it started with"),
    ],
)
def test_a_handover_that_was_changed_is_found(change: Callable[[Handover], Handover], words: str) -> None:
    record = judged("packnet", change)
    assert record.status == "failed"
    assert words in str(record.error)
    assert not record.metrics


def test_masks_that_were_exchanged_in_the_run_are_found() -> None:
    record = judged(answers_with_other_masks)
    assert record.status == "failed"
    assert "other masks than were declared" in str(record.error)
