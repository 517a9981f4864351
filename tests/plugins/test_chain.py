"""Methods one after the other in one cell: whose options are whose, and how many edges are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark import Count, Fraction, Run, Share, algorithm
from benchmark.errors import UsageError
from benchmark.plugins import registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.plugins.chain import chain
from benchmark.results.cell import Cell
from benchmark.results.spelling import Choice
from benchmark.results.store import Store
from benchmark.sweep.plan import Selection, plan

calls: list[tuple[str, Any]] = []


@algorithm(prunes="edges", edits_only=True, edges="edges")
def cutter(run: Run, *, edges: Share | Count | None = None, period: Count = 1) -> None:
    """Cutter: notes that it was called."""
    calls.append(("cutter", (edges, period)))


@algorithm()
def pruner(run: Run, *, fraction: Fraction = 0.2, period: Count = 3) -> None:
    """Pruner: notes that it was called."""
    calls.append(("pruner", (fraction, period)))


class Trained:
    """In the place of a run: notes that it was trained."""

    def train(self) -> None:
        calls.append(("train", None))


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    own, real = {"cutter": cutter, "pruner": pruner}, registry.algorithm

    def find(name: str) -> Algorithm:
        return chain([own[part] for part in name.split("+")]) if "+" in name else own.get(name) or real(name)

    monkeypatch.setattr(registry, "algorithm", find)


def test_a_method_that_only_edits_is_followed_by_a_training() -> None:
    cutter(Trained())  # type: ignore[arg-type]
    assert calls == [("cutter", (None, 1)), ("train", None)]


def test_in_a_chain_the_next_method_takes_the_place_of_that_training() -> None:
    both = chain([cutter, pruner])
    both(Trained(), **both.resolve({"edges": "50", "pruner.period": 2}))  # type: ignore[arg-type]
    assert calls == [("cutter", (50, 1)), ("pruner", (0.2, 2))]


def test_options_carry_their_method_and_may_leave_it_out_where_one_has_them() -> None:
    both = chain([cutter, pruner])
    assert both.name == "cutter+pruner"
    assert both.prunes == {"edges", "weights"}
    assert both.resolve({"edges": "0.1", "fraction": 0.5}) == {
        "cutter.edges": 0.1,
        "cutter.period": 1,
        "pruner.fraction": 0.5,
        "pruner.period": 3,
    }
    with pytest.raises(UsageError, match=r"no option of 'cutter\+pruner' named 'period'"):
        both.resolve({"edges": 1, "period": 2})


def test_a_chain_with_weights_has_to_be_told_how_many_edges() -> None:
    with pytest.raises(UsageError, match="how many edges"):
        chain([cutter, pruner]).resolve({})


def test_only_editors_stand_before_a_plus() -> None:
    with pytest.raises(UsageError, match="'pruner' trains by itself"):
        chain([pruner, cutter])


def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *algorithms: Choice, **asked: Any) -> list[Cell]:
    monkeypatch.setattr("benchmark.sweep.plan.why_not", lambda algorithm, task: None)
    selection = Selection(list(algorithms), [Choice("digits")], "smoke", [0], **asked)
    return plan(selection, Store(tmp_path), "missing")[0].run


def test_for_an_edge_method_sparsity_is_that_of_edges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cells(tmp_path, monkeypatch, Choice("cutter"), Choice("pruner"))
    assert [(cell.algorithm, cell.sparsity) for cell in found] == [("cutter", 0.1), ("pruner", 0.9)]


def test_a_number_of_edges_leaves_no_sparsity_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cells(tmp_path, monkeypatch, Choice("cutter"), Choice("pruner"), edges=["50", "0.2"], sparsities=[0.5, 0.9])
    assert [(cell.algorithm, cell.options.get("edges"), cell.sparsity) for cell in found] == [
        ("cutter", 50, 0.0),
        ("cutter", 0.2, 0.0),
        ("pruner", None, 0.5),
        ("pruner", None, 0.9),
    ]


def test_in_a_chain_sparsity_is_that_of_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cells(tmp_path, monkeypatch, Choice("cutter+pruner"), edges=["7"], sparsities=[0.5])
    assert [(cell.algorithm, cell.options["cutter.edges"], cell.sparsity) for cell in found] == [
        ("cutter+pruner", 7, 0.5)
    ]
    assert Cell.model_validate_json(found[0].model_dump_json()) == found[0]
