"""Records as pandas frames: a row per run, or a row per method as on a leaderboard; and figures of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd

from benchmark.cli.filters import measured, whole_records
from benchmark.errors import UsageError
from benchmark.leaderboard.blocks import counted
from benchmark.leaderboard.rows import rows
from benchmark.leaderboard.tables.formats import flatten
from benchmark.leaderboard.tables.plain import board_facts, boards
from benchmark.plugins import catalog
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.studies.frames import of_records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Names = str | Sequence[str]
Numbers = float | Sequence[float]
Folder = str | os.PathLike[str]

Picture = Literal["accuracy-sparsity", "pareto", "profile", "critical-difference", "layers", "overlap"]


class Runs(pd.DataFrame):  # type: ignore[misc]  # pandas has no types here
    """A row per run (`benchmark.studies.frames.of_records`). A notebook shows their leaderboard, and then the rows.

    A selection of its rows, such as `runs[runs.sparsity == 0.9]`, is a `Runs`, too, as long as it has the column `key`.
    """

    @property
    def _constructor(self) -> type[Runs]:
        return Runs

    def _repr_html_(self) -> str | None:
        as_rows = pd.DataFrame(self)._repr_html_()
        if "key" not in self or "results" not in self.attrs or not len(self):
            return str(as_rows)
        tables = boards(_board_rows(_again(self), _folder(self)))
        shown = "".join(f"<p><b>{escape(title)}</b></p>{_html(of)}" for title, of in tables.items())
        return f"{shown}<details><summary>{counted(len(self), 'run')}, a row each</summary>{as_rows}</details>"


def records(
    results: Folder = "results",
    *,
    task: Names = (),
    model: Names = (),
    budget: Names = (),
    algo: Names = (),
    pattern: Names = (),
    sparsity: Numbers = (),
) -> Runs:
    """Return a row per record of a results folder.

    Args:
        results: the folder.
        task, model, budget, algo, pattern, sparsity: only records of these, as for the options of `bench leaderboard`.

    Raises:
        UsageError: there is no such folder, or no record fits.
    """
    wanted = {"task": task, "model": model, "budget": budget, "algo": algo, "pattern": pattern, "sparsity": sparsity}
    return frame(_selected(results, wanted), results)


def board(runs: Runs | Folder = "results", **wanted: Any) -> pd.DataFrame:
    """Return the leaderboard: a row per method, task and sparsity, with its mean over seeds, interval and ranks.

    It has the columns of `bench leaderboard --format csv`, including those that `bench measure` adds.

    Args:
        runs: the runs to rank, or a results folder.
        wanted: for a folder, which of its runs, as for `records`.

    Raises:
        UsageError: as for `records`; also for rows that name no runs, or a name in `wanted` that selects no runs.
    """
    facts = board_facts(_board_rows(_records(runs, wanted), _folder(runs)))
    return pd.DataFrame([flatten(fact) for fact in facts])


def plot(
    picture: Picture,
    runs: Runs | Folder = "results",
    *,
    controls: bool = False,
    highlight: Names = (),
    **wanted: Any,
) -> Figure:
    """Draw runs as `bench plot` does, whose help says what each picture shows.

    Args:
        runs: the runs to draw, or a results folder.
        controls: also draw controls; only the pictures `accuracy-sparsity`, `layers` and `overlap` show any.
        highlight: names of algorithms, with options or without: these are drawn in colour, the others in grey.
        wanted: for a folder, which of its runs, as for `records`.

    Raises:
        UsageError: as for `board`; also for an unknown picture, for runs with nothing to draw, or for a highlighted
            name with nothing to draw.
    """
    from benchmark.leaderboard.figures.by_name import pictures

    if picture not in (known := get_args(Picture)):
        raise UsageError(f"there is no picture '{picture}'; there are {', '.join(known)}")
    drawn = [record for record in _records(runs, wanted) if controls or record.cell.control is None]
    return pictures(Store(_folder(runs)))[picture](drawn, highlight=several(highlight))


def frame(of: Iterable[Record], results: Folder) -> Runs:
    """Return records of a folder as a frame, which remembers the folder."""
    plain = of_records(of)
    runs = Runs(plain)
    runs.attrs = {**plain.attrs, "results": os.fspath(results)}
    return runs


def _records(runs: Runs | Folder, wanted: Mapping[str, Any]) -> list[Record]:
    if not isinstance(runs, pd.DataFrame):
        return _selected(runs, wanted)
    if wanted:
        raise UsageError(f"{', '.join(wanted)}: for a folder; of a frame, select rows")
    if "key" not in runs or "results" not in runs.attrs:
        raise UsageError("these rows name no runs: their column 'key', or the folder of their records, is gone")
    return _again(runs)


def _again(runs: Runs) -> list[Record]:
    """The records of some rows, in the order of the rows."""
    by_key = {record.key: record for record in Store(_folder(runs)).records()}
    return [by_key[key] for key in dict.fromkeys(runs["key"]) if key in by_key]


def _folder(runs: Runs | Folder) -> Path:
    return Path(runs.attrs["results"] if isinstance(runs, pd.DataFrame) else runs)


def _selected(results: Folder, wanted: Mapping[str, Any]) -> list[Record]:
    by_name = {"task": "tasks", "algo": "algorithms"}
    in_groups = {"model": "models", "budget": "budgets", "pattern": "patterns", "sparsity": "sparsities"}
    if unknown := wanted.keys() - by_name.keys() - in_groups.keys():
        known = ", ".join([*by_name, *in_groups])
        raise UsageError(f"runs are selected by {known}, not by {', '.join(sorted(unknown))}")
    flat = {option: several(wanted.get(name, ())) for name, option in by_name.items()}
    grouped = {option: [several(wanted.get(name, ()))] for name, option in in_groups.items()}
    return whole_records(Path(results), **flat, **grouped)


def several(values: Any) -> list[Any]:
    """One value or several, as a list."""
    return [values] if isinstance(values, str) or not isinstance(values, Iterable) else list(values)


def _board_rows(of: Iterable[Record], results: Path) -> list[Any]:
    return rows(list(of), catalog.label, catalog.absent, catalog.defaults, measured(results))


def _html(of: Sequence[Mapping[str, str]]) -> str:
    return str(pd.DataFrame(of).to_html(index=False, border=0))
