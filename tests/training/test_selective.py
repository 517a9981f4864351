"""Risk and coverage: closed forms on five examples, and what holds for any scores and errors."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.harness.rerun import differences
from benchmark.plugins import registry
from benchmark.results.record import Record
from benchmark.training.evaluation import evaluate, examine
from benchmark.training.selective import COVERAGES, doubt, doubts, rejected, risk, selective
from tests.support.generated import cell, ran

CPU = torch.device("cpu")
SCORES = np.array([0.9, 0.8, 0.8, 0.6, 0.5])
WRONG = np.array([False, True, False, False, True])

answers = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=40)


def split(pairs: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in pairs]), np.array([wrong for _, wrong in pairs])


def test_five_examples_with_a_tie() -> None:
    assert risk(SCORES, WRONG) == pytest.approx([0, 0.25, 1 / 3, 0.25, 0.4])
    found = selective(SCORES, WRONG)
    assert found["aurc"] == pytest.approx(0.246667, abs=1e-6)
    assert found["e_aurc"] == pytest.approx(0.116667, abs=1e-6)
    assert (found["examples"], found["errors"]) == (5, 2)
    assert (found["risk_at"]["1"], found["risk_at"]["0.6"]) == (0.4, pytest.approx(1 / 3))


def test_a_tie_has_the_mean_risk_of_all_its_orders() -> None:
    scores, wrong = np.array([3, 2, 2, 2, 1.0]), np.array([True, True, False, False, True])
    orders = [risk(np.array([5, 4, 3, 2, 1.0]), wrong[[0, *order, 4]]) for order in permutations([1, 2, 3])]
    assert risk(scores, wrong) == pytest.approx(np.mean(orders, axis=0))


def test_the_perfect_order_has_no_excess() -> None:
    assert selective(np.array([4, 3, 2, 1.0]), np.array([False, False, True, True]))["e_aurc"] == 0


@given(answers)
def test_of_equal_scores_every_risk_is_the_error(pairs: list[tuple[float, bool]]) -> None:
    _, wrong = split(pairs)
    assert risk(np.zeros(len(wrong)), wrong) == pytest.approx(wrong.mean())


@given(answers, st.randoms())
def test_neither_the_order_of_examples_nor_the_scale_of_scores_matters(pairs, random) -> None:
    shuffled = pairs.copy()
    random.shuffle(shuffled)
    scores, wrong = split(pairs)
    others, same = split(shuffled)
    assert risk(np.exp(7 * others), same).tolist() == risk(scores, wrong).tolist()


@given(answers)
def test_at_full_coverage_the_risk_is_the_error_exactly(pairs: list[tuple[float, bool]]) -> None:
    scores, wrong = split(pairs)
    assert risk(scores, wrong)[-1] == wrong.sum() / len(wrong) == selective(scores, wrong)["risk_at"]["1"]
    assert selective(scores, wrong)["e_aurc"] >= -1e-12


@given(st.lists(st.floats(-1, 0), min_size=1, max_size=30))
def test_where_all_is_wrong_every_risk_is_one(scores: list[float]) -> None:
    found = selective(np.array(scores), np.ones(len(scores), dtype=bool))
    assert set(found["risk_at"].values()) == {1.0}
    assert (found["aurc"], found["e_aurc"]) == (1, 0)


def test_the_least_sure_tenth_is_told_and_no_part_of_a_tie() -> None:
    sure = np.arange(20.0)
    assert rejected(sure) == [0, 1]
    assert rejected(np.array([0, 1, 1, 1, *[5.0] * 16])) == [0]
    assert rejected(np.zeros(20)) == []
    many = rejected(-np.arange(5000.0))
    assert len(many) == 100
    assert set(np.diff(many)) == {5}


def test_saturated_probabilities_are_compared_in_float64() -> None:
    """Both are 1 in float32; the surer one is right."""
    logits = torch.tensor([[20.0, 0.0], [30.0, 0.0]])
    assert torch.equal(logits.softmax(dim=1).amax(dim=1), torch.ones(2))
    found = doubts([doubt(logits, torch.tensor([1, 0]))])
    assert found["risk_at"] == {f"{share:g}": 0.5 if round(2 * share) == 2 else 0.0 for share in COVERAGES}


@pytest.mark.parametrize("name", ["digits", "digits-noisy", "planted-partition", "ring-transfer"])
def test_every_classifier_tells_its_risks_beside_what_else_it_tells(name: str) -> None:
    task = registry.task(name)
    network = build(task, next(iter(task.models)), 0)
    test = task.data(Path()).test
    metrics, found = examine(task, network, test, CPU)
    assert metrics == evaluate(task, network, test, CPU)
    assert found["selective"]["risk_at"]["1"] == pytest.approx(1 - metrics["accuracy"], abs=1e-12)
    classes = test.classes if test.classes is not None else test.node_classes[test.node_classes >= 0]
    assert found["selective"]["examples"] == len(classes)
    assert (task.diagnose is None) == (set(found) == {"selective"})


def test_a_task_without_classes_has_none() -> None:
    network, test = build(toy, "net", 0), toy.data(Path()).test
    assert examine(replace(toy, logits=None), network, test, CPU)[1] == {}


def told(**diagnosis: object) -> Record:
    return ran(cell(), 0.9).model_copy(update={"diagnosis": diagnosis})


def test_a_record_older_than_risks_is_compared_without_them() -> None:
    """What else is diagnosed is compared, and so are risks that both tell."""
    older, newer = told(gap=1.0), told(gap=1.0, selective={"aurc": 0.1})
    assert differences(older, newer) == differences(newer, newer) == []
    for one, other in (
        (newer, told(gap=2.0, selective={"aurc": 0.1})),
        (newer, told(gap=1.0, selective={"aurc": 0.2})),
        (newer, older),
        (older, told(gap=2.0, selective={"aurc": 0.1})),
    ):
        [found] = differences(one, other)
        assert found.startswith("another diagnosis")
