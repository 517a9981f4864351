"""`bench run`: which cells a selection means, and which of them are run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.results.record import failure
from benchmark.results.store import Store
from tests.support.command import SMOKE, Bench, assert_one_clear_line, here
from tests.support.outside import plant


def stamps(store: Store) -> dict[str, int]:
    return {record.cell.algorithm: store.path(record.cell).stat().st_mtime_ns for record in store}


@pytest.mark.runs
def test_rerun_says_which_answers_to_give_again(own: Store, bench: Bench) -> None:
    assert here(bench, "dense,random").code == 0
    [dense, random] = sorted(own, key=lambda record: record.cell.algorithm)
    own.put(failure(random.cell, random.ranking, "failed", "a bad day"))
    first = stamps(own)

    again = here(bench, "dense,random")
    assert again.code == 1, "a failure that is kept is still a failure"
    assert again.err.startswith("2 cells: 2 answered already, 0 to run")
    assert stamps(own) == first

    mended = here(bench, "dense,random", "--rerun", "failed")
    assert mended.code == 0
    assert mended.err.startswith("2 cells: 1 answered already, 1 to run")
    second = stamps(own)
    assert second["dense"] == first["dense"]
    assert second["random"] != first["random"]
    assert [record.status for record in own] == ["ok", "ok"]

    anew = here(bench, "dense,random", "--rerun", "all")
    assert anew.err.startswith("2 cells: 0 answered already, 2 to run")
    assert own.get(dense.cell) is not None
    assert all(stamps(own)[name] != second[name] for name in second)


def test_a_dry_run_prints_the_cells_and_writes_nothing(own: Store, bench: Bench) -> None:
    ended = bench("run", "--algo", "dense,snip", *SMOKE, "--sparsity", "0.8,0.9", "--seeds", "2", "--dry-run")
    assert ended.code == 0
    assert ended.err.startswith("6 cells: 0 answered already, 6 to run")
    rows = [line.split() for line in ended.out.splitlines() if "digits" in line]
    assert [(row[0], row[4], row[-1]) for row in rows] == [
        ("dense", "0", "2"),
        ("snip", "0.8", "2"),
        ("snip", "0.9", "2"),
    ]
    assert not own.root.exists()


def cells(bench: Bench, *words: str) -> list[dict[str, Any]]:
    """The cells of a selection, as a dry run prints them."""
    ended = bench("run", *words, "--dry-run", "--format", "json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_options_stand_behind_their_algorithm(own: Store, bench: Bench) -> None:
    imp, snip = cells(bench, "--algo", "imp:fraction=0.5,rewind=0.1,snip", "--task", "digits")
    assert imp["algorithm"] == "imp:fraction=0.5,rewind=0.1"
    where = {"task": "digits", "model": "mlp", "pattern": "global", "sparsity": 0.9, "budget": "short", "seed": 0}
    assert where.items() <= imp.items()
    assert (snip["algorithm"], snip["state"]) == ("snip", "to run")


def test_flags_repeat_and_take_commas(own: Store, bench: Bench) -> None:
    spread = cells(bench, "--algo", "snip", "--algo", "random", "--task", "digits", "--seed", "3", "--seed", "5,7")
    assert spread == cells(bench, "--algo", " snip , random,", "--task", "digits", "--seed", "3,5,7")
    assert len(spread) == 6


def test_the_same_cell_asked_twice_is_one_cell(own: Store, bench: Bench) -> None:
    assert len(cells(bench, "--algo", "snip,snip:batches=1", "--task", "digits,digits", "--sparsity", "0.9,0.90")) == 1


def test_dense_is_one_cell_whatever_the_sparsity(own: Store, bench: Bench) -> None:
    [only] = cells(bench, "--algo", "dense", "--task", "digits", "--sparsity", "0.5,0.9", "--pattern", "global,layer")
    assert (only["algorithm"], only["sparsity"], only["pattern"]) == ("dense", 0, "global")


def test_a_pattern_of_n_in_m_brings_its_sparsity(own: Store, bench: Bench) -> None:
    [only] = cells(bench, "--algo", "random", "--task", "digits", "--pattern", "2:4")
    assert (only["sparsity"], only["pattern"]) == (0.5, "2:4")
    assert cells(bench, "--algo", "random", "--task", "digits", "--pattern", "2:4", "--sparsity", "0.5") == [only]


@pytest.mark.runs
def test_a_run_whose_cell_fails_says_so_and_ends_with_1(own: Store, bench: Bench) -> None:
    ended = here(bench, "snip,dense", "--sparsity", "0.9999999")
    assert ended.code == 1
    [failed] = [line for line in ended.err.splitlines() if line.startswith("failed ")]
    assert "density 1e-07 keeps none of 11,900 weights" in failed
    assert sorted(record.status for record in own) == ["failed", "ok"]
    assert "1 failed" in ended.out


@pytest.mark.runs
@pytest.mark.parametrize("method", ["edge-popup", "magnitude:when=init"])
def test_a_layer_that_collapses_is_told_and_the_network_is_tested_all_the_same(
    own: Store, bench: Bench, method: str
) -> None:
    assert here(bench, method, "--pattern", "layer", "--sparsity", "0.9998").code == 0
    [record] = own
    assert record.status == "ok"
    assert all(math.isfinite(value) for value in [*record.metrics.values(), *record.validation.values()])
    assert [layer.kept for layer in record.layers.values()] == [1, 1, 0]
    told = [line.split() for line in bench("show", record.key).out.splitlines() if "collapsed" in line]
    assert [(words[0], words[-1]) for words in told] == [("fc3.weight", "collapsed")]


EDGES = """
    from benchmark import Run, algorithm

    @algorithm(prunes="edges")
    def edge_cutter(run: Run) -> None:
        '''Edge cutter: needs a graph (Nobody, 2026).'''
"""


@pytest.mark.runs
def test_a_task_without_edges_is_skipped_among_others(
    own: Store, bench: Bench, tmp_path: Path, known: Callable[[Path], None]
) -> None:
    plant(tmp_path, "algorithm", "edge_cutter", EDGES, target="edge_cutter_plugin:edge_cutter")
    (tmp_path / "dist_of_edge_cutter-1.0.dist-info" / "entry_points.txt").write_text(
        "[prunebench.algorithms]\nedge-cutter = edge_cutter_plugin:edge_cutter\n"
    )
    known(tmp_path)
    alone = here(bench, "edge-cutter")
    assert_one_clear_line(alone, 2, "task 'digits' has no edges; 'edge-cutter' works on edges. Tasks it can run: ")
    among = here(bench, "edge-cutter,dense")
    assert among.code == 0, "a skip is no failure"
    [skipped] = [record for record in own if record.status == "skipped"]
    assert skipped.error == "'edge-cutter' works on edges, and the task has none"
