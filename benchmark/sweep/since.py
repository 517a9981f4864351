"""Tells the records that were made since a moment from those that lay in a results folder before."""

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
        before: what lay there at the moment, by key: marks of `mark`; a cell without one had no record.
        also: another place of such records.
    """

    store: Store
    before: Mapping[str, str]
    also: Since | None = None

    @classmethod
    def now(cls, store: Store, cells: Iterable[Cell]) -> Self:
        """From now on."""
        return cls(store, {cell.key: mark(store, cell) for cell in cells})

    def record(self, cell: Cell) -> Record | None:
        """The record that was made of a cell since."""
        now = mark(self.store, cell)
        found = self.store.get(cell) if now != self.before.get(cell.key, "") else None
        return found or (self.also.record(cell) if self.also else None)


def mark(store: Store, cell: Cell) -> str:
    """Tells one record of a cell from another: the file of its own, or what its line says; empty if there is none."""
    try:
        state = store.path(cell).stat()
    except OSError:
        record = store.get(cell)
        return hashlib.sha256(record.to_bytes()).hexdigest() if record else ""
    return f"{state.st_ino} {state.st_mtime_ns}"
