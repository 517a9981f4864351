"""Measurements lie beside the records, and later ones replace earlier ones of the same conditions."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.leaderboard.tables.measured import measured_rows, speed
from benchmark.results.cell import Cell
from benchmark.results.measured import Interval, Measurement, add, file_of, measurements
from benchmark.results.pack import drop
from benchmark.results.record import Ranking, Record
from benchmark.results.store import Store

CELL = Cell(algorithm="snip", task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=0)


Ratio = tuple[float, float, float]
"""The median of a ratio, and its interval."""


def measurement(runtime: str = "torch", batch: int = 1, faster: Ratio = (2, 1.5, 3)) -> Measurement:
    median, low, high = faster
    return Measurement(
        runtime=runtime,
        batch=batch,
        threads=1,
        seconds=Interval(median=0.001, low=0.001, high=0.002),
        parent_seconds=Interval(median=0.002, low=0.002, high=0.002),
        faster=Interval(median=median, low=low, high=high),
        memory=2_000_000,
        size=1000,
        parent_size=4000,
        rounds=21,
        where={"processor": "one"},
    )


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert measurements(tmp_path, CELL) == []
    add(tmp_path, CELL, [measurement(), measurement("csr")])
    assert measurements(tmp_path, CELL) == [measurement(), measurement("csr")]


def test_later_ones_replace_those_of_the_same_conditions(tmp_path: Path) -> None:
    add(tmp_path, CELL, [measurement(), measurement(batch=128)])
    add(tmp_path, CELL, [measurement(faster=(5, 4, 6))])
    assert measurements(tmp_path, CELL) == [measurement(batch=128), measurement(faster=(5, 4, 6))]


def test_what_is_no_file_of_measurements_is_told(tmp_path: Path) -> None:
    file = file_of(tmp_path, CELL)
    file.parent.mkdir()
    file.write_text("[1]")
    with pytest.raises(UsageError, match="has no measurements that can be read"):
        measurements(tmp_path, CELL)


def test_they_go_with_the_record(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    add(tmp_path, CELL, [measurement()])
    drop(Store(tmp_path), [CELL])
    assert measurements(tmp_path, CELL) == []


@pytest.mark.parametrize(
    ("faster", "word"),
    [
        ((2, 1.5, 3), "faster"),
        ((0.5, 0.4, 0.6), "slower"),
        ((1.1, 0.9, 1.2), "not told apart"),
        ((1.1, 1.08, 1.14), "not told apart"),
        ((0.9, 0.88, 0.93), "not told apart"),
    ],
)
def test_what_is_slower_is_called_so(faster: Ratio, word: str) -> None:
    [row] = measured_rows([measurement(faster=faster)])
    assert row[""] == word
    assert (row["ms"], row["dense, ms"], row["memory, MB"], row["dense, MB"]) == ("1", "2", "2.0", "")


def record(seed: int) -> Record:
    cell = CELL.model_copy(update={"seed": seed})
    ranking = Ranking(metric="accuracy", direction="max")
    return Record(key=cell.key, cell=cell, status="ok", ranking=ranking, metrics={"accuracy": 0.5})


def test_the_board_has_the_median_over_the_networks_that_were_measured() -> None:
    ratios = {0: (2, 1.5, 3), 1: (4, 3, 5), 2: None}

    def measured(cell: Cell) -> list[Measurement]:
        faster = ratios[cell.seed]
        return [measurement(faster=faster), measurement("csr", faster=(0.5, 0.4, 0.6))] if faster else []

    tables, facts = speed([record(seed) for seed in ratios], measured, lambda name, options: name)
    [(head, [row])] = tables.items()
    assert head.endswith("seconds of dense / seconds of ours, one, 1 thread")
    assert (row["networks"], row["torch, 1"], row["csr, 1"], row["smaller"]) == ("2", "3.00", "0.50 slower", "4.0")
    assert len(facts) == 4


def test_a_board_of_nothing_measured_says_how_to_measure() -> None:
    with pytest.raises(UsageError, match="bench measure KEY"):
        speed([record(0)], lambda cell: [], lambda name, options: name)
