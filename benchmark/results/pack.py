"""Packs records from one file each into tables for committing, a line each, sorted by key; and drops records."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fcntl import LOCK_EX, flock
from pathlib import Path

from benchmark.files import write
from benchmark.results.cell import Cell
from benchmark.results.measured import file_of
from benchmark.results.sources import Source, lines
from benchmark.results.store import Store


@dataclass
class Packed:
    """The outcome of packing a folder.

    Args:
        tables: for each table by name, its number of lines, and how many of them are new or changed.
        refused: a message for everything that is not a valid record. A table with an invalid line is left unchanged.
    """

    tables: dict[str, tuple[int, int]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def pack(store: Store, *, write: bool) -> Packed:
    """Move every record that has a file of its own into its table.

    A table is written atomically, and the files are removed once it is on disk, so an interruption never loses a
    record. A file that has changed since it was read is kept.

    Args:
        write: False only reports what would be done.

    Raises:
        OSError: a table cannot be written.
    """
    records, packed = store.root / "records", Packed()
    if not records.is_dir():
        return packed
    with _alone(records) as handle:
        files, unfit = _files(store, packed)
        for table, sources in sorted(files.items()):
            if table not in unfit:
                packed.tables[table.stem] = _fold(sources, table, handle, write)
    return packed


def drop(store: Store, cells: Iterable[Cell]) -> None:
    """Delete the records of cells: lines of tables, files, and then all else. A table is replaced atomically.

    Raises:
        OSError: something cannot be deleted. What was deleted before stays so.
    """
    tables, gone = defaultdict[Path, set[str]](set), list(cells)
    for cell in gone:
        tables[store.table(cell)].add(cell.key)
    with _alone(store.root / "records") as handle:
        for table, keys in tables.items():
            if table.exists():
                _without(table, keys, handle)
        for cell in gone:
            for path in (store.path(cell), store.masks(cell), store.log(cell), file_of(store.root, cell)):
                path.unlink(missing_ok=True)


def _without(table: Path, keys: set[str], folder: int) -> None:
    """Write a table again without some of its lines, or remove it where no line is left."""
    kept = [source.content or b"" for source in lines(table) if source.key not in keys]
    if kept:
        write(b"".join(line + b"\n" for line in kept), table)
    else:
        table.unlink()
    os.fsync(folder)


@contextmanager
def _alone(records: Path) -> Iterator[int]:
    """Let one process at a time change tables; the lock is released if it dies. Yields a handle of the folder."""
    handle = os.open(records, os.O_RDONLY)
    try:
        flock(handle, LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _files(store: Store, packed: Packed) -> tuple[dict[Path, list[Source]], set[Path]]:
    """Return the files to pack into each table, and the tables and files that are not valid."""
    files, unfit = defaultdict[Path, list[Source]](list), set[Path]()
    for source, record in store.judged():
        if isinstance(record, str):
            packed.refused.append(record)
            unfit.add(Path(source.path))
        elif not source.line:
            files[store.table(record.cell)].append(source)
    return files, unfit


def _fold(sources: Iterable[Source], table: Path, folder: int, write_it: bool) -> tuple[int, int]:
    """Merge files into a table. Return its number of lines afterwards, and how many are new or changed."""
    known = {source.key: source.content or b"" for source in lines(table)} if table.exists() else {}
    new = {source.key: _line(source.content or b"") for source in sources}
    content = b"".join(line + b"\n" for _, line in sorted((known | new).items()))
    if write_it:
        write(content, table)
        os.fsync(folder)
        for source in sources:
            _remove(source)
    return len(known | new), sum(known.get(key) != line for key, line in new.items())


def _line(content: bytes) -> bytes:
    """Return JSON as one line, with all values unchanged."""
    whole = content.strip()
    if b"\n" not in whole:
        return whole
    return json.dumps(json.loads(whole), ensure_ascii=False, separators=(",", ":")).encode()


def _remove(source: Source) -> None:
    """Remove a file that has not changed since it was read, and its folders if they are then empty."""
    with suppress(OSError):
        path = Path(source.path)
        if path.read_bytes() == source.content:
            path.unlink()
            path.parent.rmdir()
            path.parent.parent.rmdir()
