"""`bench run --prunable`: a part of the question, of the key and of what is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark.leaderboard.rows import rows
from benchmark.leaderboard.tables.plain import boards
from benchmark.results.cell import Cell, command
from benchmark.results.store import Store
from benchmark.sweep.left_out import left_out
from tests.support.command import SMOKE, Bench, assert_one_clear_line
from tests.support.generated import cell, ran
from tests.support.networks import any_network


def test_a_cell_without_it_has_the_key_that_it_had() -> None:
    plain = cell("snip")
    assert "prunable" not in plain.model_dump()
    assert Cell.model_validate({**plain.model_dump(), "prunable": "all"}).key == plain.key
    assert cell("snip", prunable="no-first").key != plain.key
    assert cell("snip", prunable="no-first").group != plain.group


def test_a_cell_says_it() -> None:
    one = cell("snip", prunable="no-ends")
    assert str(one) == "snip on digits/mlp at 0.9 global of no-ends, short, 0"
    assert "--pattern global --prunable no-ends --sparsity 0.9" in command(one, {})
    assert "--prunable" not in command(cell("snip"), {})


def test_rows_of_different_parts_are_told_apart_and_not_ranked_together() -> None:
    parts = ("all", "no-first")
    records = [ran(cell("snip", seed, prunable=part), 0.8 + seed / 100) for part in parts for seed in (0, 1)]
    board = rows(records)
    assert len({row.column for row in board}) == 2
    [table] = boards(board).values()
    assert [row["pattern"] for row in table] == ["global", "global of no-first"]


def test_a_table_of_one_part_alone_says_it() -> None:
    [table] = boards(rows([ran(cell("snip", prunable="no-first"), 0.8)])).values()
    assert [row["pattern"] for row in table] == ["global of no-first"]


def test_only_methods_that_prune_weights_have_it(own: Store, bench: Bench) -> None:
    words = ("--algo", "dense,snip", *SMOKE, "--sparsity", "0.9", "--prunable", "all,no-first")
    ended = bench("run", *words, "--dry-run", "--format", "json")
    assert ended.code == 0, ended.err
    asked = sorted((row["sparsity"], row["pattern"]) for row in json.loads(ended.out))
    assert asked == [(0, "global"), (0.9, "global"), (0.9, "global of no-first")]


def test_another_word_is_refused_in_a_line(own: Store, bench: Bench) -> None:
    ended = bench("run", "--algo", "snip", *SMOKE, "--prunable", "first layer", "--dry-run")
    assert_one_clear_line(ended, 2, "first layer")


def warnings(model: str, prunable: str = "all") -> list[str]:
    one = Cell(algorithm="snip", task="any", model=model, prunable=prunable, sparsity=0.9, budget="full", seed=0)
    return list(left_out([one], {"any": any_network}))


def test_a_network_of_which_little_is_prunable_is_named_before_it_runs() -> None:
    [line] = warnings("lstm")
    assert line.startswith("any/lstm: 6% of the matrices' weights are prunable; left out: ")
    assert "rnn.weight_ih_l0 (recurrent layer), rnn.weight_hh_l0 (recurrent layer)" in line
    assert warnings("lstm", "*") == warnings("plain") == warnings("tied") == []


def test_a_network_that_cannot_be_built_without_values_is_built_with_them() -> None:
    assert warnings("weight-norm")


@pytest.mark.runs
def test_the_first_layer_stays_dense_and_the_record_says_so(own: Store, bench: Bench, tmp_path: Path) -> None:
    ended = bench("run", "--algo", "snip", *SMOKE, "--sparsity", "0.9", "--prunable", "no-first", "--jobs", "0")
    assert ended.code == 0, ended.err
    [record] = own
    assert record.prunable is not None
    assert "fc1.weight" not in record.prunable.names
    assert record.prunable.left_out == {"fc1.weight": "not in --prunable no-first"}
    assert record.layers.keys() == set(record.prunable.names)
    shown = bench("show", record.key[:8]).out
    assert "left out: fc1.weight: not in" in " ".join(shown.split())
