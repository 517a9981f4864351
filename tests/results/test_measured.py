"""Measurements lie beside the records, and later ones replace earlier ones of the same conditions."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.leaderboard.tables.measured import measured_rows
from benchmark.results.cell import Cell
from benchmark.results.measured import add, every_measurement, file_of, measurements
from benchmark.results.pack import drop
from benchmark.results.store import Store
from tests.support.measured import Ratio, measurement

CELL = Cell(algorithm="snip", task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=0)


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


def test_of_a_folder_all_are_read_and_what_is_none_is_named(tmp_path: Path) -> None:
    assert every_measurement(tmp_path) == ({}, [])
    add(tmp_path, CELL, [measurement()])
    other = file_of(tmp_path, CELL).with_name("other.json")
    other.write_text(file_of(tmp_path, CELL).read_text().replace('"torch"', '"<b>|torch"'))
    found, [problem] = every_measurement(tmp_path)
    assert found == {CELL.key: [measurement()]}
    assert str(other) in problem


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
