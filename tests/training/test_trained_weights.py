"""The share of weights that were ever trained: of methods that bring pruned ones back, and of no others."""

from __future__ import annotations

import json

import pytest
import torch
from benchmark.algorithms.gmp import gmp
from benchmark.algorithms.rigl import rigl
from benchmark.algorithms.snip import snip

from benchmark import Masks
from benchmark.contract import trial
from benchmark.harness.rerun import differences
from benchmark.results.record import Density, Record
from benchmark.results.validity import problems_of
from benchmark.training.trained_weights import TrainedWeights
from tests.support.notebook import RECIPE, Notebook, after


def masks(*kept: int) -> Masks:
    """Of ten weights."""
    return Masks({"fc": torch.zeros(1, 10, dtype=torch.bool).index_fill(1, torch.tensor(kept), True)})


def followed(*updates: Masks) -> TrainedWeights:
    trained = TrainedWeights()
    for kept in updates:
        trained.updated(kept)
    return trained


@pytest.mark.parametrize(
    ("updates", "share"),
    [
        ([], None),
        ([masks(0, 1)], None),
        ([masks(0, 1, 2, 3), masks(0, 1), masks(0)], None),
        ([masks(0, 1), masks(1, 2)], 0.3),
        ([masks(0, 1), masks(1), masks(1, 2, 3)], 0.4),
        ([masks(0, 1), masks(0), masks(0, 1)], 0.2),
    ],
    ids=["no update", "one mask", "nested", "one moved", "dropped before", "back again"],
)
def test_the_union_on_ten_weights(updates: list[Masks], share: float | None) -> None:
    assert followed(*updates).share == share


@pytest.mark.runs
def test_of_rigl_it_is_the_union_of_all_masks() -> None:
    run = after(rigl, interval=2, fraction=0.5)
    union = run.changes[0].after
    for change in run.changes[1:]:
        union |= change.after
    assert run._state.ever_trained.share == union.density > 0.2


@pytest.mark.runs
@pytest.mark.parametrize("method", [snip, gmp])
def test_of_methods_whose_masks_are_nested_there_is_nothing_to_say(method) -> None:
    assert after(method).masks.density < 1
    assert after(method)._state.ever_trained.share is None


@pytest.mark.runs
def test_masks_that_come_and_go_without_an_update_do_not_count() -> None:
    run = Notebook()
    run.prune(Masks({name: torch.zeros_like(mask) for name, mask in run.masks.items()}))
    run.prune(~run.masks)
    run.train(1)
    assert run._state.ever_trained.share is None
    assert run.clock == 1 < RECIPE.steps


@pytest.fixture(scope="module")
def dynamic() -> Record:
    return trial.record("rigl", interval=50)


@pytest.mark.runs
def test_a_record_tells_it_and_keeps_it(dynamic: Record) -> None:
    assert dynamic.density is not None
    assert dynamic.density.weights < dynamic.density.ever < 1
    assert Record.model_validate_json(dynamic.to_json()) == dynamic
    assert "ever" not in json.loads(trial.record("snip").to_json())["density"]


@pytest.mark.runs
def test_a_record_from_before_is_still_reproduced(dynamic: Record) -> None:
    """It does not tell the share, and its second run does."""
    assert dynamic.density is not None
    older = dynamic.model_copy(update={"density": dynamic.density.model_copy(update={"ever": None})})
    other = dynamic.model_copy(update={"density": dynamic.density.model_copy(update={"ever": 0.9})})
    assert differences(older, dynamic) == differences(dynamic, dynamic) == []
    assert [text[:15] for text in differences(other, dynamic)] == ["another density"]


@pytest.mark.runs
def test_fewer_than_are_kept_is_a_fault(dynamic: Record) -> None:
    assert dynamic.density is not None
    fewer = dynamic.model_copy(update={"density": dynamic.density.model_copy(update={"ever": 0.1})})
    assert not problems_of(dynamic)
    assert any("density.ever is 0.1" in fault for fault in problems_of(fewer))


def test_without_it_a_density_has_the_bytes_it_had() -> None:
    assert list(Density(weights=0.1, parameters=0.2).model_dump()) == ["weights", "parameters", "effective", "edges"]
