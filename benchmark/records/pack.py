"""Packs records from one file each into tables for committing, with one line per record, sorted by key."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from fcntl import LOCK_EX, flock
from pathlib import Path

from benchmark.files import write
from benchmark.records.sources import Source, lines
from benchmark.records.store import Store


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
    handle = os.open(records, os.O_RDONLY)
    try:
        flock(handle, LOCK_EX)  # one pack at a time; the lock is released if the process dies
        files, unfit = _files(store, packed)
        for table, sources in sorted(files.items()):
            if table not in unfit:
                packed.tables[table.stem] = _fold(sources, table, handle, write)
    finally:
        os.close(handle)
    return packed


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
