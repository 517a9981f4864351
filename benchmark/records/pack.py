"""From files of their own, records go into the tables that are committed: a line each, sorted by key."""

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
    """What became of the records of a folder.

    Args:
        tables: by name, how many lines it has, and how many of them are new or changed.
        refused: a line for everything that is wrong. A table with such a line, or none at its end, is left as it is.
    """

    tables: dict[str, tuple[int, int]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def pack(store: Store, *, write: bool) -> Packed:
    """Move every record that has a file of its own into its table.

    A table is written whole or not at all, and the files go when it is on the disk: whatever interrupts this, each
    record is there once at least. A file that has changed since it was read stays.

    Args:
        write: or only say what would be done.

    Raises:
        OSError: a table cannot be written.
    """
    records, packed = store.root / "records", Packed()
    if not records.is_dir():
        return packed
    handle = os.open(records, os.O_RDONLY)
    try:
        flock(handle, LOCK_EX)  # one at a time: it goes with the process that holds it
        files, unfit = _files(store, packed)
        for table, sources in sorted(files.items()):
            if table not in unfit:
                packed.tables[table.stem] = _fold(sources, table, handle, write)
    finally:
        os.close(handle)
    return packed


def _files(store: Store, packed: Packed) -> tuple[dict[Path, list[Source]], set[Path]]:
    """By table, the files whose records belong there; and the tables that hold something else than records."""
    files, unfit = defaultdict[Path, list[Source]](list), set[Path]()
    for source, record in store.judged():
        if isinstance(record, str):
            packed.refused.append(record)
            unfit.add(Path(source.path))
        elif not source.line:
            files[store.table(record.cell)].append(source)
    return files, unfit


def _fold(sources: Iterable[Source], table: Path, folder: int, write_it: bool) -> tuple[int, int]:
    """Bring files into a table; the number of its lines then, and of the new ones."""
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
    """The same JSON on one line, every value as it was."""
    whole = content.strip()
    if b"\n" not in whole:
        return whole
    return json.dumps(json.loads(whole), ensure_ascii=False, separators=(",", ":")).encode()


def _remove(source: Source) -> None:
    """Remove a file that is still as it was read, and its folders where nothing else is in them."""
    with suppress(OSError):
        path = Path(source.path)
        if path.read_bytes() == source.content:
            path.unlink()
            path.parent.rmdir()
            path.parent.parent.rmdir()
