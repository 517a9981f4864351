"""Options that were added later: what their absence in a cell means, and which cells are written without them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from torch import nn

from benchmark import Absent, Run, algorithm
from benchmark.leaderboard.rows import rows
from benchmark.plugins import catalog, registry
from benchmark.results.cell import Cell
from benchmark.results.spelling import Choice
from benchmark.results.store import Store
from benchmark.sweep.plan import Selection, plan
from tests.support.command import ROOT
from tests.support.generated import cell, ran


def deep(network: object) -> bool:
    return network == "deep"


@algorithm()
def later(
    run: Run,
    *,
    old: int = 1,
    mode: Annotated[Literal["a", "b"], Absent("a", matters=deep)] = "b",
    other: Annotated[int, Absent(0)] = 0,
) -> None:
    """Later: for this test (own, 2026)."""


def written(network: str, **options: object) -> dict[str, object]:
    return later.written(later.resolve(options), lambda: network)


def test_the_absent_value_is_not_written_and_every_other_one_is() -> None:
    assert written("deep") == {"old": 1, "mode": "b"}
    assert written("deep", mode="a") == {"old": 1}
    assert written("deep", other=3) == {"old": 1, "mode": "b", "other": 3}


def test_where_an_option_makes_no_difference_it_is_absent() -> None:
    assert written("flat") == written("flat", mode="a") == {"old": 1}


def test_a_cell_without_it_runs_at_the_absent_value_and_not_at_the_default() -> None:
    assert later.filled({"old": 5}) == {"old": 5, "mode": "a", "other": 0}
    assert later.filled({"old": 5, "mode": "b"})["mode"] == "b"


def test_a_control_is_written() -> None:
    assert written("flat", control="shuffle") == {"old": 1, "control": "shuffle"}


def test_the_network_is_built_only_where_it_matters() -> None:
    def never() -> object:
        raise AssertionError("built")

    assert later.written(later.resolve({"mode": "a"}), never) == {"old": 1}


def planned(tmp_path: Path, task: str, model: str, algo: str, **options: str) -> Cell:
    selection = Selection([Choice(algo, options)], [Choice(task)], "short", [0], [model])
    [only] = plan(selection, Store(tmp_path), "all")[0].run
    return only


@pytest.mark.parametrize(("algo", "norms"), [("snip", ["running"]), ("force", []), ("grasp", [])])
def test_defaults_are_those_of_the_authors_code_and_older_keys_stay(
    tmp_path: Path, algo: str, norms: list[str]
) -> None:
    without = planned(tmp_path, "mnist", "lenet-5", algo)
    normed = planned(tmp_path, "cifar10", "resnet-20", algo)
    assert "norms" not in without.options
    assert [normed.options[name] for name in normed.options if name == "norms"] == norms
    batch = planned(tmp_path, "cifar10", "resnet-20", algo, norms="batch")
    running = planned(tmp_path, "cifar10", "resnet-20", algo, norms="running")
    assert "norms" not in batch.options
    assert batch.key != running.key
    assert planned(tmp_path, "mnist", "lenet-5", algo, norms="running").key == without.key


@pytest.mark.parametrize("algo", ["snip", "force", "grasp", "granet"])
def test_committed_records_answer_where_they_did(tmp_path: Path, algo: str) -> None:
    """With what is absent in them spelled out, and at the new defaults where networks have no running statistics."""
    committed = {one.group: one.cell for one in Store(ROOT / "results").outcomes() if one.cell.algorithm == algo}
    assert committed
    for old in committed.values():
        full = registry.algorithm(algo).filled(old.options)
        for options in (full, old.options) if old.task in ("mnist", "digits") else (full,):
            texts = {name: str(value) for name, value in options.items()}
            selection = Selection(
                [Choice(algo, texts)],
                [Choice(old.task, old.task_options)],
                old.budget,
                [old.seed],
                [old.model],
                [old.sparsity],
                [old.pattern],
            )
            assert [new.key for new in plan(selection, Store(tmp_path), "all")[0].run] == [old.key], str(old)


def test_the_catalogue_knows_it_without_an_import() -> None:
    assert catalog.absent("snip") == {"norms": "batch"}
    assert catalog.absent("spectral+granet") == {"granet.distribution": "auto"}
    assert catalog.absent("unknown") == {}
    assert catalog.absent("mnist", "task") == {"recipe": "openlth"}
    for name, plugin in catalog.plugins("algorithm").items():
        if not plugin.problem:
            options = registry.algorithm(name).options.items()
            assert plugin.absent == {n: option.absent.value for n, option in options if option.absent}, name


def test_rows_of_older_records_never_look_like_newer_ones() -> None:
    old = ran(cell("snip", options={"rounds": 1}), 0.8)
    new = ran(cell("snip", options={"rounds": 1, "norms": "running"}), 0.9)
    labels = [row.label for row in rows([old, new], absent=catalog.absent)]
    assert labels == ["snip:norms=running", "snip:norms=batch"]


def test_networks_without_running_statistics_are_told_apart() -> None:
    from benchmark.algorithms._norms import matter

    assert matter(nn.Sequential(nn.BatchNorm1d(2)))
    assert not matter(nn.Sequential(nn.LayerNorm(2), nn.BatchNorm1d(2, track_running_stats=False)))


def test_a_row_alone_says_what_is_not_at_its_default() -> None:
    erk = ran(cell("random", options={"distribution": "erk"}), 0.8)
    assert [row.label for row in rows([erk], absent=catalog.absent, defaults=catalog.defaults)] == [
        "random:distribution=erk"
    ]
    usual = ran(cell("random", options={"distribution": "pattern"}), 0.8)
    assert [row.label for row in rows([usual], absent=catalog.absent, defaults=catalog.defaults)] == ["random"]


def test_where_only_the_network_can_tell_a_label_does_not() -> None:
    """Without norm layers `norms` makes no difference, and the cells of all its values are one."""
    assert "norms" not in catalog.defaults("snip"), "its default is running, and absent it is batch or nothing"
    assert catalog.defaults("grasp")["norms"] == "batch"
    explicit = ran(cell("grasp", options={"norms": "running"}), 0.8)
    [row] = rows([explicit], absent=catalog.absent, defaults=catalog.defaults)
    assert row.label == "grasp:norms=running"


def test_defaults_of_a_chain_have_the_method_before_them() -> None:
    assert catalog.defaults("spectral+granet")["granet.distribution"] == "auto"
