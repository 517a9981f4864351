"""`bench compare --masks`: how far masks overlap, and what is said of masks that are damaged or gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmark.results.cell import Cell
from benchmark.results.store import Store
from tests.support.command import Bench, assert_one_clear_line


@pytest.mark.runs
def test_masks_are_compared_by_algorithm_over_common_seeds(filled: Store, bench: Bench) -> None:
    """Random masks overlap as chance has it; a method's masks with themselves entirely."""
    found = json.loads(bench("compare", "--masks", "snip", "random", "--format", "json").out)
    assert [(row["sparsity"], row["n"]) for row in found] == [(0.9, 2)]
    assert abs(found[0]["beyond chance"]) < 0.1
    assert json.loads(bench("compare", "--masks", "snip", "snip", "--format", "json").out)[0]["beyond chance"] == 1.0


def test_masks_of_two_records_are_compared_layer_by_layer(filled: Store, bench: Bench) -> None:
    records = [record for record in filled if record.cell.algorithm in ("snip", "magnitude") and record.cell.seed == 0]
    found = json.loads(bench("compare", "--masks", *(record.key[:12] for record in records), "--format", "json").out)
    assert [row["layer"] for row in found] == [*records[0].layers, "all"]
    assert [row["first"] for row in found[:-1]] == [layer.kept for layer in records[0].layers.values()]
    assert found[-1]["weights"] == sum(layer.total for layer in records[0].layers.values())


def test_masks_of_a_name_that_means_several_methods_are_not_mixed(filled: Store, bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(filled.root, tmp_path / "results")
    store = Store(tmp_path / "results")
    one = next(record for record in store if record.cell.algorithm == "snip")
    other = Cell.model_validate(one.cell.model_dump() | {"options": {**one.cell.options, "batches": 7}})
    store.put(one.model_copy(update={"key": other.key, "cell": other}), store.masks(one.cell).read_bytes())
    ended = bench("compare", "--masks", "snip", "random", "--results", store.root)
    assert_one_clear_line(ended, 2, "'snip' matches several records here; name one of", "batches=7")


def test_damaged_masks_are_told(filled: Store, bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(filled.root, tmp_path / "results")
    for file in (tmp_path / "results" / "masks").rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:-40])
    ended = bench("compare", "--masks", "snip", "random", "--results", tmp_path / "results")
    assert_one_clear_line(ended, 4, "the masks of record", "are damaged")


def test_masks_that_are_not_there_are_told(filled: Store, bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(filled.root / "records", tmp_path / "records")
    words = ("compare", "--masks", "snip", "random", "--results", tmp_path)
    assert_one_clear_line(bench(*words), 4, "the masks of record", "--rerun all")
    assert_one_clear_line(bench("compare", "--masks", "snip"), 2, "two records, or two algorithms")
