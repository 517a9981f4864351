"""How long a sweep should still take, in numbers that can be added up by hand."""

from __future__ import annotations

import pytest

from benchmark.records.record import Cost
from benchmark.sweep.estimate import estimate
from tests.support.board import cell, ran

KNOWN = [ran(cell("imp", seed), 0.9, cost=Cost(seconds=seconds)) for seed, seconds in enumerate((80, 120))]
THREE = [cell("imp", seed) for seed in (5, 6, 7)]


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 300), (2, 200), (3, 100), (8, 100)])
def test_a_worker_cannot_share_a_cell(jobs: int, seconds: float) -> None:
    assert estimate(THREE, KNOWN, jobs) == seconds


def test_trainings_that_were_shared_are_made_once() -> None:
    first, other = KNOWN
    half = other.model_copy(
        update={"provenance": {"shared_steps": 50}, "cost": Cost(seconds=120, training_steps=100)}, deep=True
    )
    assert estimate(THREE[:1], [first, half], 1) == (80 + 60) / 2


def test_what_a_running_cell_has_behind_it_is_over() -> None:
    assert estimate(THREE, KNOWN, 2, {THREE[0].key: 60.0, THREE[1].key: 30.0}) == 140
    assert estimate(THREE[:1], KNOWN, 2, {THREE[0].key: 500.0}) == 0


def test_a_cell_that_nothing_is_known_of_leaves_it_open() -> None:
    assert estimate([*THREE, cell("snip")], KNOWN, 2) is None


def test_nothing_to_run_takes_no_time() -> None:
    assert estimate([], KNOWN, 2) == 0
