"""Locates records. A new record has a file of its own; a packed one is a line of a table, which is committed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from glob import glob
from pathlib import Path
from typing import NamedTuple

from benchmark.results.cell import Cell
from benchmark.results.reading import read

_BEGINNING = re.compile(rb'\{"schema":1,"key":"([0-9a-f]{64})",')
"""Start of the lines that prunebench writes; it gives a record's key without parsing the line."""

LONGEST = 200
"""Characters of a table's name; file systems allow 255."""


class Source(NamedTuple):
    """The location of a record: a file of its own, or a line of a table. The key is not verified yet.

    Args:
        path: as a string, since there are many sources and `Path` is slow.
        line: line number in a table, from 1; 0 if the record has a file of its own.
        content: the bytes of the record; None if they have not been read yet.
    """

    key: str
    path: str
    line: int = 0
    content: bytes | None = None

    def read(self) -> Source:
        """Return the source with its content, reading the file if needed. Raises OSError."""
        return self if self.content is not None else self._replace(content=Path(self.path).read_bytes())

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else str(self.path)


def table_of(cell: Cell) -> str:
    """Return the file name of a cell's table: its task with all options, model and budget, as lower-case words.

    Cells whose names differ only in other characters share a table. This is harmless, since each line has its own key.
    """
    return _slug(cell.setting, cell.model, cell.budget) + ".jsonl"


@lru_cache(maxsize=1024)
def _slug(*names: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", " ".join(names).lower())[:LONGEST]


def claimed(records: Path, beginning: str = "") -> dict[str, list[Source]]:
    """Return the files and lines of a folder by the key they claim, files first.

    Files are read before tables. A file that `bench pack` removes meanwhile is therefore found in its table.
    A table that cannot be read is a single source, so that reading it reports the error.

    Args:
        beginning: the first digits of the keys to look for; by default, all.
    """
    by_key: dict[str, list[Source]] = {}
    for source in _files(records, beginning):
        by_key.setdefault(source.key, []).append(source)
    for table in sorted(records.glob("*.jsonl")):
        try:
            for source in lines(table):
                if source.key.startswith(beginning):
                    by_key.setdefault(source.key, []).append(source)
        except OSError:  # reading the source will report it
            by_key[str(table)] = [Source(str(table), str(table))]
    return by_key


def _files(records: Path, beginning: str) -> Iterator[Source]:
    """Yield the records that have a file of their own, in order of path."""
    for name in sorted(glob(f"*/*/{beginning}*.json", root_dir=records, include_hidden=True)):
        yield from file(name.rpartition(os.sep)[2].removesuffix(".json"), f"{records}{os.sep}{name}")


def file(key: str, path: str) -> Iterator[Source]:
    """Yield a record's own file, with its content unless it cannot be read; nothing if there is no such file."""
    source = Source(key, path)
    try:
        yield source._replace(content=Path(path).read_bytes())
    except FileNotFoundError:  # never written, packed meanwhile, or deleted
        return
    except OSError:  # reading it again will report this
        yield source


def lines(table: Path) -> Iterator[Source]:
    """Yield the non-empty lines of a table. A line without a key gets its location as key. Raises OSError."""
    for number, content in enumerate(table.read_bytes().split(b"\n"), 1):
        if begins := _BEGINNING.match(content):
            yield Source(begins[1].decode(), str(table), number, content)
        elif content.strip():
            yield Source(_key(content) or f"{table}:{number}", str(table), number, content)


def _key(content: bytes) -> str | None:
    """Return the key of a line in a form that prunebench does not write; None if it is not a record."""
    try:
        return read(content).key
    except ValueError:
        return None
