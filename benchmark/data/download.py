"""Brings data sets into the user's cache: downloads from their publisher or a mirror, or copies from a folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from benchmark.data.checksums import BAD, file_states, hashed, matches
from benchmark.data.source import DataSource, Download
from benchmark.errors import DataMissing, one_line
from benchmark.files import file_lock, writable

TIMEOUT = 30.0
"""Seconds without data after which a download fails."""

PIECE = 1 << 20
"""Bytes that are read at once."""

PARTIAL = 206
"""HTTP status: the server sends the part of the file that was asked for."""

NOTHING_LEFT = 416
"""HTTP status: the part that was asked for is empty, because the file has been downloaded completely."""

Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes downloaded so far, and the total bytes, None if the server does not tell."""


def obtain(
    label: str, source: DataSource, cache: Path, origin: str = "", progress: Progress = lambda name, here, there: None
) -> None:
    """Bring a task's data into the folder `cache`, completely or not at all. An interrupted download is resumed.

    Args:
        label: the name of the data set.
        origin: a folder with a copy (of the files that the task reads, or of the files to unpack), or the address of a
            mirror of the files to unpack; empty for the publisher.

    Raises:
        DataMissing: the data cannot be obtained, or their checksums are wrong.
    """
    workshop = cache / f".{re.sub(r'[^a-z0-9.-]', '_', label.lower())}"
    try:
        writable(cache)
    except OSError as error:
        raise DataMissing(f"{cache} cannot be written: {error.strerror or error}") from None
    with file_lock(workshop):
        workshop.mkdir(exist_ok=True)
        try:
            _fill(source, workshop, origin, progress)
        except DataMissing:
            raise
        except Exception as error:  # downloading and unpacking fail in many ways
            raise DataMissing(one_line(error)) from error
        finally:
            with suppress(OSError):
                workshop.rmdir()  # succeeds only if it is empty; partial downloads stay
        if wrong := [f"{file} is {status}" for file, status in file_states(source, workshop).items() if status in BAD]:
            shutil.rmtree(workshop)
            raise DataMissing(f"what came is not what was published: {', '.join(wrong)}")
        _move(workshop, cache, [item.place for item in source.downloads])
        shutil.rmtree(workshop)


def _fill(source: DataSource, workshop: Path, origin: str, progress: Progress) -> None:
    """Copy or download the task's files into the folder `workshop`, which may contain other files afterwards, too."""
    copy = Path(origin)
    if origin and not copy.is_dir() and "://" not in origin:
        raise DataMissing(f"there is no folder {origin}, and an address begins with https:// or the like")
    if origin and copy.is_dir() and all((copy / name).exists() for name in source.files):
        for name in source.files:
            _copy(copy / name, workshop / name)
        return
    if source.fetch is None:
        raise DataMissing("it has no download")
    if origin and not source.downloads:
        raise DataMissing(f"{origin} does not hold {source.files[0]}, and no mirror is known to this task")
    for item in source.downloads:
        if origin and copy.is_dir():
            _copy(_copy_of(item, copy, source.files[0]), workshop / item.place)
        else:
            url = f"{origin.rstrip('/')}/{item.name}" if origin else item.url
            transfer(url, workshop / item.place, item.digest, progress)
    source.fetch(workshop)


def _copy_of(item: Download, folder: Path, instead: str) -> Path:
    """The file in `folder` that is a copy of a download. Raises DataMissing if there is none."""
    for file in (folder / item.place, folder / item.name):
        if file.is_file():
            return file
    raise DataMissing(f"{folder} holds neither {instead} nor {item.name}")


def _copy(place: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        shutil.copytree(place, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(place, target)


def _move(workshop: Path, cache: Path, archives: list[str]) -> None:
    """Move all files except the archives into the cache, each by a rename, so that no reader sees a partial one."""
    for file in sorted(path for path in workshop.rglob("*") if path.is_file()):
        name = file.relative_to(workshop)
        if name.as_posix() not in archives:
            (cache / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, cache / name)


def transfer(url: str, file: Path, digest: str, progress: Progress) -> None:
    """Download a file and verify its checksum. An earlier partial download is resumed if the server supports it.

    Raises:
        DataMissing: the connection broke, or the checksum is wrong.
    """
    if matches(file, digest):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    received = part.stat().st_size if part.exists() else 0
    try:
        _receive(url, part, received, lambda received, total: progress(file.name, received, total))
    except HTTPError as error:
        error.close()  # it holds the connection
        if not (received and error.code == NOTHING_LEFT):
            raise DataMissing(f"{url}: {error}") from error
    if (actual := hashed(part, digest.partition(":")[0])) != digest:
        part.unlink()
        raise DataMissing(f"{url} is not what was published: {actual} in place of {digest}")
    os.replace(part, file)


def _receive(url: str, part: Path, received: int, progress: Callable[[int, int | None], None]) -> None:
    """Append the rest of a file to `part`, which holds `received` bytes, or all of it if the server cannot resume."""
    headers: Mapping[str, str] = {"User-Agent": "prunebench"} | ({"Range": f"bytes={received}-"} if received else {})
    with urlopen(Request(url, headers=dict(headers)), timeout=TIMEOUT) as response, part.open("ab") as out:
        if response.status != PARTIAL:
            received = 0
            out.truncate(0)
        length = response.headers.get("Content-Length")
        total = received + int(length) if length else None
        while piece := response.read(PIECE):
            out.write(piece)
            received += len(piece)
            progress(received, total)
    if total is not None and received < total:
        raise DataMissing(
            f"{url}: the connection ended after {received:,} of {total:,} bytes; try again to go on from there"
        )
