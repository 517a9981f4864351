"""Prints what `--dry-run` shows: every cell with its state and its time. Nothing is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from benchmark.cli.output import emit
from benchmark.cli.progress import duration
from benchmark.results.cell import Cell
from benchmark.results.record import WELL, Status
from benchmark.results.spelling import spelled

if TYPE_CHECKING:
    from benchmark.sweep.estimate import By, Times
    from benchmark.sweep.plan import Plan

State = Status | Literal["to run", "failed before", "missing data"]
"""The status of a cell's record; or what is to be done: `failed before` is run again."""

STATES: tuple[State, ...] = (
    "ok",
    "skipped",
    "failed",
    "diverged",
    "timeout",
    "to run",
    "failed before",
    "missing data",
)

BY: dict[By, str] = {"seeds": "as other seeds", "sparsities": "as at other sparsities", "steps": "for each training"}


def print_plan(planned: Plan, data_root: Path | None, form: str) -> None:
    """Print a row for each group of cells that differ only in the seed; as JSON or CSV, a row for each cell."""
    states = states_of(planned, data_root)
    times = planned.times()
    rows = [_row(cell, states[cell.key], planned, times) for cell in planned.cells]
    groups: dict[str, list[dict[str, Any]]] = {}
    for cell, row in zip(planned.cells, rows, strict=True):
        groups.setdefault(cell.group, []).append(row)
    used = [state for state in STATES if state in states.values()]
    emit(form, {"cells": [_together(group, used) for group in groups.values()]}, rows)


def states_of(planned: Plan, data_root: Path | None) -> dict[str, State]:
    """The state of each cell, by key."""
    from benchmark.data.folders import DataFolders

    folders = DataFolders(data_root)
    there = {setting for setting, task in planned.tasks.items() if folders.holding(task.source)}
    before = {one.key for one in planned.known if one.status not in WELL}
    states: dict[str, State] = {one.key: one.status for one in planned.reused}
    for cell in planned.run:
        again: State = "failed before" if cell.key in before else "to run"
        states[cell.key] = again if cell.setting in there else "missing data"
    return states


def _row(cell: Cell, state: State, planned: Plan, times: Times) -> dict[str, Any]:
    expected = None if state in get_args(Status) else times.of(cell)
    told = {"seconds": round(expected.seconds, 1), "known by": expected.by} if expected else {}
    return {"key": cell.key, **_named(cell, planned), "seed": cell.seed, "state": state, **told}


def _named(cell: Cell, planned: Plan) -> dict[str, Any]:
    unusual = planned.algorithms[cell.algorithm].unusual(cell.options)
    where = {"task": cell.setting, "model": cell.network, "pattern": cell.scope, "sparsity": cell.sparsity}
    return {"algorithm": spelled(cell.algorithm, unusual), **where, "budget": cell.schedule}


def _together(rows: Sequence[Mapping[str, Any]], states: Sequence[State]) -> dict[str, Any]:
    """One row for cells that differ only in the seed: how many are in each state, and the time of one."""
    counts = Counter(row["state"] for row in rows)
    named = {name: rows[0][name] for name in ("algorithm", "task", "model", "pattern", "sparsity", "budget")}
    time = next((f"{duration(row['seconds'])} {BY[row['known by']]}" for row in rows if "seconds" in row), "")
    named["sparsity"] = f"{named['sparsity']:g}"
    return {**named, **{state: counts[state] or "" for state in states}, "time of a cell": time}
