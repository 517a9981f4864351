"""Where a record lies: in a file of its own while work goes on, then in a line of its table, which is committed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from benchmark.records.cell import Cell
from benchmark.records.record import Record

_BEGINNING = re.compile(rb'\{"schema":1,"key":"([0-9a-f]{64})",')
"""Of the lines that we write, so that their keys are known before they are read."""

LONGEST = 200
"""Letters of a table's name: file systems allow 255."""


class Source(NamedTuple):
    """A file, or a line of one, that claims to hold the record of a key. There are many: its path is a plain text.

    Args:
        line: its number in a table, from 1; 0 where the file is the record's own.
        content: bytes that were read; None where nobody has read them yet.
    """

    key: str
    path: str
    line: int = 0
    content: bytes | None = None

    def read(self) -> Source:
        """The same with its content. Raises OSError."""
        return self if self.content is not None else self._replace(content=Path(self.path).read_bytes())

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else str(self.path)


def table_of(cell: Cell) -> str:
    """The name of the table of a cell: its task with all options, model and budget, in letters that any disk takes.

    Cells whose names differ in other letters alone share a file. That changes nothing: a line says whose it is.
    """
    return _slug(cell.setting, cell.model, cell.budget) + ".jsonl"


@lru_cache(maxsize=1024)
def _slug(*names: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", " ".join(names).lower())[:LONGEST]


def claimed(records: Path) -> dict[str, list[Source]]:
    """By the key that they claim, all files and lines of a folder, files first; a table that cannot be read as one."""
    by_key: dict[str, list[Source]] = {}
    for path in sorted(str(file) for file in records.glob("*/*/*.json")):
        key = path.rpartition(os.sep)[2].removesuffix(".json")
        by_key.setdefault(key, []).append(Source(key, path))
    for table in sorted(records.glob("*.jsonl")):
        try:
            for source in lines(table):
                by_key.setdefault(source.key, []).append(source)
        except OSError:  # whoever reads it is told why
            by_key[str(table)] = [Source(str(table), str(table))]
    return by_key


def lines(table: Path) -> Iterator[Source]:
    """Every line of a table that is not empty. One that tells no key has its place as such. Raises OSError."""
    for number, content in enumerate(table.read_bytes().split(b"\n"), 1):
        if begins := _BEGINNING.match(content):
            yield Source(begins[1].decode(), str(table), number, content)
        elif content.strip():
            yield Source(_key(content) or f"{table}:{number}", str(table), number, content)


def _key(content: bytes) -> str | None:
    """The key in a line that somebody else wrote; None where it holds no record."""
    try:
        return Record.model_validate_json(content).key
    except ValidationError:
        return None
