"""How long a sweep should still take, in numbers that can be added up by hand."""

from __future__ import annotations

import pytest

from benchmark.results.record import Cost
from benchmark.sweep.estimate import Times, estimate
from tests.support.board import cell, ran

KNOWN = [ran(cell("imp", seed), 0.9, cost=Cost(seconds=seconds)) for seed, seconds in enumerate((80, 120))]
THREE = [cell("imp", seed) for seed in (5, 6, 7)]


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 300), (2, 200), (3, 100), (8, 100)])
def test_a_worker_cannot_share_a_cell(jobs: int, seconds: float) -> None:
    assert estimate(THREE, Times(KNOWN), jobs) == (seconds, "seeds")


def test_trainings_that_were_shared_are_made_once() -> None:
    first, other = KNOWN
    half = other.model_copy(
        update={"provenance": {"shared_steps": 50}, "cost": Cost(seconds=120, training_steps=100)}, deep=True
    )
    assert Times([first, half]).of(THREE[0]) == ((80 + 60) / 2, "seeds")


def test_what_a_running_cell_has_behind_it_is_over() -> None:
    assert estimate(THREE, Times(KNOWN), 2, {THREE[0].key: 60.0, THREE[1].key: 30.0}) == (140, "seeds")
    assert estimate(THREE[:1], Times(KNOWN), 2, {THREE[0].key: 500.0}) == (0, "seeds")


def test_the_same_method_at_other_sparsities_comes_next() -> None:
    assert Times(KNOWN).of(cell("imp", 0, sparsity=0.5)) == (100, "sparsities")
    assert Times([ran(cell("imp", 0, sparsity=0.5), 0.9, cost=Cost(seconds=7)), *KNOWN]).of(THREE[0]) == (100, "seeds")


def test_then_one_training_by_the_time_of_a_step() -> None:
    known = [ran(cell("imp", 0), 0.9, cost=Cost(seconds=30, training_steps=300))]
    times = Times(known, lambda cell: 50)
    assert times.of(cell("snip")) == (5, "steps")
    assert times.of(cell("snip", model="cnn")) is None
    assert estimate([THREE[0], cell("snip")], times, 1) == (35, "steps")


def test_a_cell_that_nothing_is_known_of_leaves_it_open() -> None:
    assert estimate([*THREE, cell("snip")], Times(KNOWN), 2) is None


def test_nothing_to_run_takes_no_time() -> None:
    assert estimate([], Times(KNOWN), 2) == (0, "seeds")
