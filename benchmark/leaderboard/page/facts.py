"""Collects the data of the HTML page as JSON values: rows with their runs, and published numbers."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.leaderboard.controls import controls
from benchmark.leaderboard.page.again import again
from benchmark.leaderboard.page.overall import overall
from benchmark.leaderboard.rows import OptionValues, Row, grouped, no_values
from benchmark.leaderboard.tables.plain import board_facts, by_table
from benchmark.leaderboard.tables.worth import columns
from benchmark.leaderboard.worth import Measured, nothing
from benchmark.results.published import Published
from benchmark.results.record import Record

PLACE = ("python", "torch", "numpy", "prunebench", "platform", "commit", "dirty", "device", "processor", "threads")
"""Fields of `Record.provenance` that the page shows for a run; the others are in its record."""


@dataclass(frozen=True)
class Names:
    """Looks up facts about plug-ins that records do not contain.

    Args:
        label: returns the name of a task with its non-default options.
        family: returns when an algorithm prunes; empty if unknown.
        absent: returns what the absence of an algorithm's options in a cell means.
        defaults: returns the defaults of an algorithm's options, as far as they are known.
        asks: returns the question of an experiment; empty if unknown.
    """

    label: Callable[[str, Mapping[str, Any]], str]
    family: Callable[[str], str]
    absent: OptionValues = no_values
    defaults: OptionValues = no_values
    asks: Callable[[str], str] = lambda name: ""


LONGEST = 300
"""Characters of an error message that are shown."""


class Numbered:
    """Collects values that many records share. Records refer to a value by its number."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:
        """Return the number of a value, adding the value if it is new."""
        text = repr(value)
        if text not in self._numbers:
            self._numbers[text] = len(self.values)
            self.values.append(value)
        return self._numbers[text]


TOLD = {
    **{status: status for status in ("failed", "diverged", "skipped", "timeout")},
    "unrefereed": "not refereed",
    "noted": "with notes",
}
"""Counts that are shown beside a row, with their texts."""


def facts(
    records: Sequence[Record],
    numbers: Sequence[Published],
    pictures: Mapping[tuple[str, str, str], Any],
    names: Names,
    measured: Measured = nothing,
    *,
    draw: bool = True,
) -> dict[str, Any]:
    """Return everything that the page shows of records. The result does not depend on their order.

    Args:
        draw: whether overall views have figures.
    """
    records = sorted(records, key=lambda record: record.key)
    pairs = grouped(records, absent=names.absent, defaults=names.defaults, measured=measured)
    board = [row for row, _ in pairs]
    places, texts = Numbered(), Numbered()
    shown = board_facts(board)
    questioned = _questioned(board)
    tables: dict[tuple[str, str, str], dict[str, Any]] = {}
    for (row, of), values in zip(pairs, shown, strict=True):
        group = sorted(of, key=lambda record: record.cell.seed)
        if row.table not in tables:
            tables[row.table] = _table(row, group) | {"pictures": pictures.get(row.table, [])}
            tables[row.table]["label"] = names.label(row.task, row.task_options)
        told = _row(row, group, questioned[id(row)], texts, places, names)
        tables[row.table]["rows"].append(told | {"values": list(values.values())})
    for place_of, several in by_table(board).items():
        _add_worth(tables[place_of], several)
    return {
        "tables": list(tables.values()),
        "columns": list(shown[0]) if shown else [],
        "overall": overall(board, draw=draw),
        "places": places.values,
        "published": [_published(number, texts) for number in numbers],
        "texts": texts.values,
        "records": len(records),
        "digest": hashlib.sha256("".join(record.key for record in records).encode()).hexdigest()[:12],
    }


def _add_worth(table: dict[str, Any], board: Sequence[Row]) -> None:
    """Add what was measured to a table and its rows, if anything was: heads, and by row each text with its number."""
    measured = columns(board)
    if not measured.columns:
        return
    table["worth"] = {"heads": [*measured.cells(board[0])], "about": measured.about}
    for row, shown in zip(board, table["rows"], strict=True):
        numbers = [None, *(_short(column.number(row)) for column in measured.columns)]  # None: how many were measured
        shown["worth"] = [*zip(measured.cells(row).values(), numbers, strict=True)]


def _questioned(board: Sequence[Row]) -> Mapping[int, list[list[Any]]]:
    """Return what the controls of each row say about it, by the identity of the row."""
    found: dict[int, list[list[Any]]] = defaultdict(list)
    for pair in controls(board):
        difference = pair.comparison.difference if pair.comparison else None
        numbers = [difference.mean, difference.low, difference.high] if difference else [None, None, None]
        found[id(pair.subject)].append([pair.control, *map(_short, numbers), pair.verdict])
    return found


def _table(row: Row, group: Sequence[Record]) -> dict[str, Any]:
    recipe = next((record.provenance["recipe"] for record in group if "recipe" in record.provenance), None)
    data = next((record.provenance["data"] for record in group if "data" in record.provenance), None)
    return {
        "task": row.task,
        "model": row.model,
        "budget": row.budget,
        "metric": row.metric,
        "direction": row.direction,
        "recipe": recipe,
        "data": data,
        "rows": [],
    }


def _row(
    row: Row, group: Sequence[Record], controls: list[list[Any]], texts: Numbered, places: Numbered, names: Names
) -> dict[str, Any]:
    cell = group[0].cell
    return {
        "id": cell.group[:12],
        "family": "control" if row.control else names.family(row.algorithm) or "other",
        "told": {text: count for name, text in TOLD.items() if (count := getattr(row, name))},
        "verified": sum(record.verified is not None for record in group),
        "controls": controls,
        "again": [(texts.number(versions), asks) for versions, asks in again(group, names.absent(cell.algorithm))],
        "runs": [_run(record, places) for record in group],
    }


def _run(record: Record, places: Numbered) -> list[Any]:
    """Return one record as a list, to save space. script/row.js names the columns in this order."""
    density, verified = record.density, record.verified
    return [
        record.key[:12],
        record.cell.seed,
        record.status,
        record.score,
        _short(record.validation.get(record.ranking.metric)),
        _short(density.weights) if density else None,
        _short(density.effective) if density else None,
        _short(density.edges) if density else None,
        _short(record.cost.trainings),
        _short(record.cost.training_flops + record.cost.scoring_flops),
        _short(record.cost.seconds),
        record.cost.peak_bytes,
        None if record.audit is None else record.audit.passed,
        [verified.how, verified.when] if verified else None,
        places.number(_place(record)),
        (record.error or "")[:LONGEST],
    ]


def _place(record: Record) -> dict[str, Any]:
    shown = {name: record.provenance[name] for name in PLACE if name in record.provenance}
    plugins = record.provenance.get("plugins")
    named = sorted({str(value) for value in plugins.values()}) if isinstance(plugins, dict) else []
    return shown | ({"plug-ins": ", ".join(named)} if named else {})


def _published(number: Published, texts: Numbered) -> list[Any]:
    """Return one published number as a list, with its texts numbered. script/published.js names them in this order."""
    names = ("model", "algorithm", "variant", "metric", "paper", "source", "table", "tag", "note")
    values = [number.sparsity, number.mean, number.std, number.n]
    return [number.task, *values, *(texts.number(getattr(number, name)) for name in names)]


def _short(value: float | None) -> float | None:
    """Round to six digits: more than the page shows, and half the bytes."""
    return None if value is None else float(f"{value:.6g}")
