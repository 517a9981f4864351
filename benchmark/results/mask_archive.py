"""Reads and writes the masks of a table's records in one file beside it, `records/<table>.masks.zip`.

It is a zip of npz files (`benchmark.results.mask_files`), each named by the digest of its masks. Records contain that
digest: those with equal masks share a file, and masks of an earlier run are never mistaken for those of a later one.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from benchmark.errors import DataMissing


def beside(table: Path) -> Path:
    """Return the path of the file with the masks of a table's records, whether or not it exists."""
    return table.with_suffix(".masks.zip")


def members(archive: Path) -> frozenset[str]:
    """Return the digests of the masks in a file; none if there is no file. It is read again only if it has changed.

    Raises:
        DataMissing: it cannot be read.
    """
    try:
        state = archive.stat()
    except FileNotFoundError:
        return frozenset()
    return _members(archive, (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=256)
def _members(archive: Path, _: tuple[int, ...]) -> frozenset[str]:
    try:
        with ZipFile(archive) as file:
            return frozenset(name.removesuffix(".npz") for name in file.namelist())
    except (BadZipFile, OSError) as error:
        raise _unreadable(archive, error) from None


def read(archive: Path, digests: Iterable[str]) -> dict[str, bytes]:
    """Return those of the requested masks that are in a file, as the bytes of npz files by digest, unchecked.

    Raises:
        DataMissing: it cannot be read.
    """
    found = sorted(members(archive).intersection(digests))
    if not found:
        return {}
    try:
        with ZipFile(archive) as file:
            return {name: file.read(f"{name}.npz") for name in found}
    except (BadZipFile, OSError, zlib.error, EOFError, NotImplementedError) as error:
        raise _unreadable(archive, error) from None


def archived(masks: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a file that holds masks, given as npz files by digest. Equal masks give equal bytes."""
    file = io.BytesIO()
    with ZipFile(file, "w") as archive:
        for name in sorted(masks):
            archive.writestr(ZipInfo(f"{name}.npz"), masks[name], ZIP_DEFLATED, 9)  # such an info has no date of today
    return file.getvalue()


def _unreadable(archive: Path, error: Exception) -> DataMissing:
    why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    return DataMissing(f"{archive} holds no masks that can be read ({why}); restore it, or delete it")
