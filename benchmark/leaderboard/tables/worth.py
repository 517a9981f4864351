"""Columns with what zeros were worth (`benchmark.leaderboard.worth`), for every table that has rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from benchmark.leaderboard.rows import Row
from benchmark.leaderboard.worth import Way, Worth

WORDS = {True: "faster", False: "slower", None: "not told apart"}
"""The wording for each value of `Worth.told`."""


@dataclass(frozen=True)
class Column:
    """One measured value, in one way of running networks. Rows that were not measured in this way have an empty cell.

    Args:
        text: the value as a table shows it.
        value: the number that rows are sorted by; None if it is not known.
    """

    head: str
    way: Way
    text: Callable[[Worth], str]
    value: Callable[[Worth], float | None]

    def cell(self, row: Row) -> str:
        """The text of a row's cell."""
        return self.text(row.worth[self.way]) if self.way in row.worth else ""

    def number(self, row: Row) -> float | None:
        """The number of a row's cell; None if it is empty."""
        return self.value(row.worth[self.way]) if self.way in row.worth else None


@dataclass(frozen=True)
class Columns:
    """The measurements for the rows of one table; without columns if there are none.

    Args:
        about: what the column heads mean, and where the networks were measured; empty without columns.
    """

    columns: Sequence[Column]
    about: str

    def cells(self, row: Row) -> dict[str, str]:
        """Return the cells of a row by their heads, preceded by the number of its networks that were measured."""
        if not self.columns:
            return {}
        counts = sorted({one.networks for one in row.worth.values()})
        networks = "-".join(str(count) for count in dict.fromkeys((counts[0], counts[-1]))) if counts else ""
        measured = {"measured": f"{networks} of {row.n}" if networks else ""}
        return measured | {column.head: column.cell(row) for column in self.columns}


def columns(rows: Iterable[Row]) -> Columns:
    """Return the columns for rows of one table.

    Times have a column for every way. Memory and size have one for every runtime and place, with its largest batch. If
    there are several places, they are numbered, and heads and `about` give the numbers.
    """
    ways = sorted({way for row in rows for way in row.worth})
    places = sorted({way.place for way in ways})
    marks = {place: f" ({number})" if len(places) > 1 else "" for number, place in enumerate(places, 1)}
    largest = {(way.runtime, way.place): way for way in ways}  # the last of each, since ways are sorted by batch
    found = [
        *(Column(f"{way.runtime}, {way.batch}{marks[way.place]}", way, faster, _faster) for way in ways),
        *(Column(f"{way.runtime}, MB{marks[way.place]}", way, _mb, _memory) for way in largest.values()),
        *(Column(f"{way.runtime}, kB{marks[way.place]}", way, _kb, _size) for way in largest.values()),
    ]
    return Columns(found, _about(ways, [f"{marks[place]} {place}".strip() for place in places]) if found else "")


def _about(ways: Sequence[Way], places: Iterable[str]) -> str:
    """Explain the column heads, with the first way as the example."""
    runtime, batch, _ = ways[0]
    meaning = f"{runtime}, {batch}: seconds of dense / seconds of ours, batches of {batch} (~: not told apart from 1)"
    return f"{meaning}; MB in use (largest batches) and kB stored: ours/dense; measured on {'; '.join(places)}"


def worth_facts(row: Row) -> dict[str, dict[str, Any]]:
    """Return the measurements of a row, by name and then by way. Unknown values are left out."""
    facts: dict[str, dict[str, Any]] = {}
    for name in (field.name for field in fields(Worth)):
        values = {str(way): getattr(one, name) for way, one in sorted(row.worth.items())}
        facts[name] = {way: value for way, value in values.items() if value is not None}
    told = facts.pop("told")
    return facts | {"verdict": {way: WORDS[told.get(way)] for way in facts["faster"]}}


def faster(one: Worth) -> str:
    """Return the ratio of times. A slowdown is called slower; a ratio that may be 1 has a tilde."""
    return f"{'~' if one.told is None else ''}{one.faster:.2f}{' slower' if one.told is False else ''}"


def _faster(one: Worth) -> float:
    return one.faster


def _memory(one: Worth) -> float | None:
    return one.memory


def _size(one: Worth) -> float:
    return one.size


def _mb(one: Worth) -> str:
    return _beside(one.memory, one.parent_memory, 1e6)


def _kb(one: Worth) -> str:
    return _beside(one.size, one.parent_size, 1e3)


def _beside(ours: float | None, dense: float | None, unit: float) -> str:
    return "/".join("?" if count is None else f"{count / unit:,.1f}" for count in (ours, dense))
