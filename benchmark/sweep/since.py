"""Distinguishes records made since a given moment from those that were in a results folder before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.results.store import Store


@dataclass(frozen=True)
class Since:
    """The records that others make of some cells.

    Args:
        before: what was there at that moment, by key, as marks (`mark`); a cell without a mark had no record.
        also: another place with such records.
    """

    store: Store
    before: Mapping[str, str]
    also: Since | None = None

    @classmethod
    def now(cls, store: Store, cells: Iterable[Cell]) -> Self:
        """The records that are made from now on."""
        return cls(store, {cell.key: mark(store, cell) for cell in cells})

    def record(self, cell: Cell) -> Record | None:
        """The record of a cell that was made since."""
        now = mark(self.store, cell)
        found = self.store.get(cell) if now != self.before.get(cell.key, "") else None
        return found or (self.also.record(cell) if self.also else None)


def mark(store: Store, cell: Cell) -> str:
    """Distinguishes records of a cell: identifies its own file, or the content of its line; empty if there is none."""
    try:
        state = store.path(cell).stat()
    except OSError:
        record = store.get(cell)
        return hashlib.sha256(record.to_bytes()).hexdigest() if record else ""
    return f"{state.st_ino} {state.st_mtime_ns}"
