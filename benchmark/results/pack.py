"""Packs records from one file each into tables for committing, a line each, sorted by key; and drops records.

The masks of a table go into one file beside it (`benchmark.results.mask_archive`).
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import NamedTuple

from benchmark.errors import DataMissing
from benchmark.files import write
from benchmark.results import mask_files
from benchmark.results.cell import Cell
from benchmark.results.mask_archive import archived, beside, members, read
from benchmark.results.measured import file_of
from benchmark.results.record import Record
from benchmark.results.sources import Source, file, lines
from benchmark.results.store import Store
from benchmark.results.validity import mask_problems


class Table(NamedTuple):
    """The content of a table after packing.

    Args:
        records: the number of its lines.
        new: how many of them are new or changed.
        masked: the number of records whose masks are packed beside it.
        mask_bytes: the size of the file with these masks.
    """

    records: int
    new: int
    masked: int
    mask_bytes: int


@dataclass
class Packed:
    """The outcome of packing a folder.

    Args:
        tables: those that had something to pack, by name.
        refused: a message for everything that is not a valid record, and for masks that are not those of their record.
            A table with an invalid line, or with a file of masks that cannot be read, is left unchanged.
    """

    tables: dict[str, Table] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


@dataclass
class _Contents:
    """The contents of one table before packing.

    Args:
        files: records with a file of their own.
        masks: files of masks, with their record.
        digests: the digests of the masks of all records, with the number of records that have each.
    """

    files: list[Source] = field(default_factory=list)
    masks: list[tuple[Source, Record]] = field(default_factory=list)
    digests: Counter[str] = field(default_factory=Counter)


def pack(store: Store, *, write: bool, masks: bool = True) -> Packed:
    """Move every record that has a file of its own into its table, and the masks of the table's records beside it.

    Masks and then a table are written atomically, and the files are removed once both are on disk, so an interruption
    never loses a record. A file that has changed since it was read is kept.

    Args:
        write: False only reports what would be done.
        masks: False leaves masks where they are.

    Raises:
        OSError: a table cannot be written.
    """
    records, packed = store.root / "records", Packed()
    if not records.is_dir():
        return packed
    with _alone(records) as handle:
        contents, unfit = _contents(store, packed, masks)
        for table, of in sorted(contents.items()):
            if table not in unfit and (of.files or of.masks):
                try:
                    packed.tables[table.stem] = _fold(of, table, handle, packed, write)
                except DataMissing as error:
                    packed.refused.append(str(error))
    return packed


def drop(store: Store, cells: Iterable[Cell]) -> None:
    """Delete the records of cells: lines of tables, files, and then everything else. A table is replaced atomically.

    Raises:
        OSError: something cannot be deleted. What was deleted before stays deleted.
        DataMissing: the masks of a table cannot be read.
    """
    tables, gone = defaultdict[Path, set[str]](set), list(cells)
    for cell in gone:
        tables[store.table(cell)].add(cell.key)
    with _alone(store.root / "records") as handle:
        for table, keys in tables.items():
            if table.exists():
                _without(table, keys, store, handle)
        for cell in gone:
            for path in (store.path(cell), store.masks(cell), store.log(cell), file_of(store.root, cell)):
                path.unlink(missing_ok=True)


def _without(table: Path, keys: set[str], store: Store, folder: int) -> None:
    """Write a table and its masks again without some of its lines, or remove both where no line is left."""
    kept = [source for source in lines(table) if source.key not in keys]
    told = {record.mask_digest or "" for record in map(store.judge, kept) if isinstance(record, Record)}
    if not members(beside(table)) <= told:
        _write_or_remove(_archive(read(beside(table), told)), beside(table))
    _write_or_remove(b"".join((source.content or b"") + b"\n" for source in kept), table)
    os.fsync(folder)


def _write_or_remove(content: bytes, path: Path) -> None:
    if content:
        write(content, path)
    else:
        path.unlink(missing_ok=True)


def _archive(masks: dict[str, bytes]) -> bytes:
    """Return the content of a file of masks; nothing, where there are none."""
    return archived(masks) if masks else b""


@contextmanager
def _alone(records: Path) -> Iterator[int]:
    """Let one process at a time change tables; the lock is released if it dies. Yields a handle of the folder."""
    handle = os.open(records, os.O_RDONLY)
    try:
        flock(handle, LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _contents(store: Store, packed: Packed, masks: bool) -> tuple[dict[Path, _Contents], set[Path]]:
    """Return the contents of each table, and the tables and files that are not valid."""
    contents, unfit = defaultdict[Path, _Contents](_Contents), set[Path]()
    for source, record in store.judged():
        if isinstance(record, str):
            packed.refused.append(record)
            unfit.add(Path(source.path))
            continue
        of = contents[store.table(record.cell)]
        of.files += [] if source.line else [source]
        of.digests[record.mask_digest or ""] += 1
        if masks:
            of.masks += [(one, record) for one in file(record.key, str(store.masks(record.cell)))]
    return contents, unfit


def _fold(of: _Contents, table: Path, folder: int, packed: Packed, write_it: bool) -> Table:
    """Merge files into a table, and masks into the file beside it. Return what the table holds afterwards."""
    known = {source.key: source.content or b"" for source in lines(table)} if table.exists() else {}
    new = {source.key: _line(source.content or b"") for source in of.files}
    content = b"".join(line + b"\n" for _, line in sorted((known | new).items()))
    masks, moved = _masks(of, beside(table), packed)
    archive = _archive(masks)
    if write_it:
        if masks.keys() != members(beside(table)):
            _write_or_remove(archive, beside(table))
        if new:
            write(content, table)
        os.fsync(folder)
        for source in [*of.files, *moved]:
            _remove(source)
    masked = sum(count for digest, count in of.digests.items() if digest in masks)
    return Table(len(known | new), sum(known.get(key) != line for key, line in new.items()), masked, len(archive))


def _masks(of: _Contents, archive: Path, packed: Packed) -> tuple[dict[str, bytes], list[Source]]:
    """Return the masks that belong in a file, npz by digest, and the files of those that are not in it yet."""
    masks, moved = read(archive, of.digests), list[Source]()
    for source, record in of.masks:
        if wrong := mask_problems(record, source.content or b""):
            packed.refused.append(f"{source}: {'; '.join(wrong)}")
        else:
            again = mask_files.unpack(source.content or b"")
            masks[record.mask_digest or ""] = mask_files.pack(again, compressed=False)
            moved.append(source)
    return masks, moved


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
