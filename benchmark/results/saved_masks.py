"""Finds the masks of a record: in a file of their own, as `bench run` writes it, or packed beside its table."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import DataMissing
from benchmark.files import write
from benchmark.results.mask_archive import beside, members, read
from benchmark.results.mask_files import Bits, digest, unpack
from benchmark.results.record import Record
from benchmark.results.store import Store


def where(store: Store, record: Record) -> Path | None:
    """Return the file that holds the masks of a record; None if they are not here.

    Raises:
        DataMissing: the file of the table's masks cannot be read.
    """
    own, archive = store.masks(record.cell), beside(store.table(record.cell))
    if own.is_file():
        return own
    return archive if record.mask_digest in members(archive) else None


def content(store: Store, record: Record) -> bytes | None:
    """Return the masks of a record as the bytes of an npz file, unchecked; None if they are not here.

    Raises:
        DataMissing: as `where`.
        OSError: the file of their own cannot be read.
    """
    try:  # first, since `bench pack` removes it when it has written the archive
        return store.masks(record.cell).read_bytes()
    except FileNotFoundError:
        told = record.mask_digest or ""
        return read(beside(store.table(record.cell)), [told]).get(told)


def bits(store: Store, record: Record) -> Bits:
    """Return the masks of a record.

    Raises:
        DataMissing: they are not here, are damaged, or do not match the digest in the record.
    """
    return _checked(store, record)[1]


def own_file(store: Store, record: Record) -> Path | None:
    """Return the file with the masks of this record alone; None if they are not here. Packed ones are written to it.

    Raises:
        DataMissing: packed ones are damaged, or do not match the digest in the record.
    """
    file = store.masks(record.cell)
    if not file.is_file() and where(store, record):
        write(_checked(store, record)[0], file)
    return file if file.is_file() else None


def _checked(store: Store, record: Record) -> tuple[bytes, Bits]:
    """Return the masks of a record, as the bytes of an npz file and unpacked. Raises what `bits` does."""
    try:
        packed = content(store, record)
        if packed is None:
            raise _unfit(store, record, "not here")
        masks = unpack(packed)
    except (OSError, ValueError) as error:
        raise _unfit(store, record, f"damaged ({error})") from None
    if digest(masks) != record.mask_digest:
        raise _unfit(store, record, "not those of its run: they have another digest than it tells")
    return packed, masks


def _unfit(store: Store, record: Record, what: str) -> DataMissing:
    return DataMissing(
        f"the masks of record {record.key[:8]} ({record.cell}) in {store.root} are {what}; "
        f"bench export {record.key[:8]} makes its network again, bench run --rerun all its record and masks"
    )
