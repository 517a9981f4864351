"""Trainings are kept while a sweep or an experiment may take them, and not a moment longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.results.store import Store
from benchmark.sweep.kept_trainings import drop_trainings, keeping_trainings
from benchmark.sweep.leases import Leases
from tests.support.command import Bench, assert_one_clear_line


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A results folder with a training."""
    store = Store(tmp_path)
    store.endings.mkdir(parents=True)
    (store.endings / "training").write_text("")
    return store


def test_a_sweep_drops_what_nobody_may_take(store: Store) -> None:
    drop_trainings(store)
    assert not store.endings.exists()


def test_a_sweep_beside_another_one_leaves_them(store: Store) -> None:
    with Leases(store.leases) as leases:
        leases.take("a cell")
        drop_trainings(store)
        assert (store.endings / "training").exists()


def test_the_last_of_two_experiments_drops_them(store: Store) -> None:
    with keeping_trainings(store):
        with keeping_trainings(store):
            drop_trainings(store)
            assert (store.endings / "training").exists()
        assert (store.endings / "training").exists()
    assert not store.endings.exists()


def test_what_was_trained_before_an_interrupt_is_left_for_whoever_goes_on(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), keeping_trainings(store):
        raise KeyboardInterrupt
    assert (store.endings / "training").exists()
    drop_trainings(store)
    assert not store.endings.exists(), "the experiment that has ended holds nothing"


@pytest.mark.runs
def test_a_results_folder_that_cannot_be_written_to_is_told_in_one_line(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = bench(
        "experiment", "ticket-transfer", "--size", "smoke", "--jobs", "0", "--results", tmp_path / "file" / "results"
    )
    assert_one_clear_line(ended, 3, "cannot be written")


@pytest.mark.runs
def test_imp_begins_with_the_training_of_the_dense_network_which_an_earlier_sweep_has_made(
    bench: Bench, own: Store
) -> None:
    words = "ticket-transfer:targets=digits,model=mlp,start=pretraining,pretraining=digits,rates=0.1,steps=20,seeds=1"
    assert bench("experiment", words, "--jobs", "1").code == 0
    records = {(record.cell.algorithm, record.cell.control): record for record in own if record.cell.start}
    assert records["dense", None].cost.training_steps == 20
    assert records["imp", None].provenance["shared_steps"] == 20
    assert not own.endings.exists()
