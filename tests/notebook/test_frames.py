"""Records as frames: a row per run, the leaderboard of some of them, and their figures."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from benchmark import UsageError, board, plot, records
from benchmark.leaderboard.figures.by_name import pictures
from benchmark.notebook.frames import Picture, Runs
from benchmark.results.measured import add
from benchmark.results.store import Store
from tests.support import board as made
from tests.support.board import cell, ran
from tests.support.command import Bench
from tests.support.measured import measurement


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two methods at two sparsities over three seeds, and a control."""
    store = Store(tmp_path / "results")
    for seed in range(3):
        for sparsity in (0.9, 0.98):
            store.put(ran(cell("imp", seed, sparsity=sparsity), 0.9 + 0.01 * seed))
            store.put(ran(cell("snip", seed, sparsity=sparsity), 0.7 + 0.01 * seed))
    store.put(ran(cell("imp", options={"control": "shuffle"}), 0.5))
    return tmp_path / "results"


def test_a_row_per_record(folder: Path) -> None:
    runs = records(folder)
    assert isinstance(runs, Runs)
    assert len(runs) == 13
    assert runs.attrs == {"direction": "max", "results": str(folder)}
    chosen = records(folder, algo="snip", sparsity=0.98)
    assert sorted(chosen["score"]) == pytest.approx([0.70, 0.71, 0.72])
    assert set(records(folder, algo=["imp", "snip"], task="digits", model="mlp")["algorithm"]) == {"imp", "snip"}


def test_the_leaderboard_of_a_folder_and_of_rows(folder: Path) -> None:
    whole = board(folder)
    assert list(whole[whole.sparsity == 0.98]["algorithm"]) == ["imp", "snip"]
    assert list(whole[whole.sparsity == 0.98]["mean"]) == pytest.approx([0.91, 0.71])
    assert list(whole["rank_of"].dropna().unique()) == [2]
    runs = records(folder)
    pd.testing.assert_frame_equal(board(runs), whole)
    one = board(runs[(runs.algorithm == "snip") & (runs.seed < 2) & (runs.sparsity == 0.9)])
    assert [*one["mean"], *one["n"]] == pytest.approx([0.705, 2])
    pd.testing.assert_frame_equal(
        board(folder, algo="snip", sparsity=0.9), board(runs[runs.algorithm == "snip"]).iloc[:1]
    )


def test_the_leaderboard_has_the_columns_of_the_command_also_of_what_was_measured(folder: Path, bench: Bench) -> None:
    of = cell("imp", 0, sparsity=0.98)
    assert "faster" not in " ".join(board(folder))
    add(folder, of, [measurement(faster=(3, 2, 4))])
    shown = pd.read_csv(StringIO(bench("leaderboard", "--results", folder, "--format", "csv").out))
    found = board(folder)
    assert list(found) == list(shown)
    [measured] = [name for name in found if name.startswith("faster.")]
    assert found[measured].dropna().tolist() == shown[measured].dropna().tolist() == [3]
    assert found[measured].notna().equals((found.algorithm == "imp") & (found.sparsity == 0.98))
    pd.testing.assert_frame_equal(board(records(folder)), found)
    assert "<th>torch, 1</th>" in str(records(folder)._repr_html_())


def test_a_notebook_shows_the_leaderboard_and_then_the_rows(folder: Path) -> None:
    html = str(records(folder)._repr_html_())
    assert html.index("accuracy on the test split (higher is better)") < html.index("13 runs, a row each")
    assert html.count("<table") == 2
    runs = records(folder)
    assert "leaderboard" not in html
    assert "<details>" not in str(runs[["score"]]._repr_html_()), "without keys, the rows alone"
    assert "<details>" in str(runs[runs.seed == 1]._repr_html_())


def test_no_text_of_a_record_becomes_markup(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for record in made.board():
        store.put(record)
    store.put(ran(cell(task_options={"note": made.HOSTILE}), 0.5))
    assert "<img" not in str(records(tmp_path)._repr_html_())


@pytest.mark.runs  # matplotlib may ask for the fonts
def test_figures(folder: Path) -> None:
    runs = records(folder)
    assert plot("accuracy-sparsity", runs)._repr_png_().startswith(b"\x89PNG")  # as a notebook shows it
    assert plot("accuracy-sparsity", folder, algo="snip").axes
    [axes] = plot("accuracy-sparsity", folder, highlight="imp").axes
    assert "in grey" in axes.get_title(loc="left")


def test_the_pictures_of_a_notebook_are_those_of_the_command(folder: Path) -> None:
    assert set(get_args(Picture)) == pictures(Store(folder)).keys()


def test_wrong_questions_are_told(folder: Path, tmp_path: Path) -> None:
    runs = records(folder)
    with pytest.raises(UsageError, match="there is no folder"):
        records(tmp_path / "none")
    with pytest.raises(UsageError, match=r"no record in .* fits"):
        records(folder, algo="rigl")
    with pytest.raises(UsageError, match="these rows name no runs"):
        board(runs[["score"]])
    with pytest.raises(UsageError, match="algo: for a folder; of a frame, select rows"):
        board(runs, algo="imp")
    with pytest.raises(
        UsageError, match="runs are selected by task, algo, model, budget, pattern, sparsity, not by tsk"
    ):
        board(folder, tsk="digits")
    nowhere = runs.copy()
    nowhere.attrs = {}
    for ask in (board, lambda of: plot("layers", of)):
        with pytest.raises(UsageError, match="these rows name no runs"):
            ask(nowhere)
    for of in (runs, tmp_path / "none"):
        with pytest.raises(UsageError, match="there is no picture 'accuracy'; there are accuracy-sparsity, "):
            plot("accuracy", of)  # type: ignore[arg-type]
