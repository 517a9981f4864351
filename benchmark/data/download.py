"""Brings data sets into the user's cache: from where they are published, from a mirror, or from a copy."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from benchmark.data.source import DataSource, Download
from benchmark.errors import DataMissing, one_line
from benchmark.files import alone, writable

TIMEOUT = 30.0
"""Seconds without an answer after which a server is given up."""


PIECE = 1 << 20


NOTHING_LEFT = 416
"""HTTP's status where all of a file has been sent before."""


PARTIAL = 206


Progress = Callable[[str, int, int | None], None]
"""Told of a file's name, the bytes that are here, and the bytes there are, where the server says so."""


def obtain(
    label: str, source: DataSource, cache: Path, origin: str = "", progress: Progress = lambda name, here, there: None
) -> None:
    """Bring a task's data into a folder, whole or not at all. What an interrupt left over is gone on from.

    Args:
        origin: a folder with a copy (of the data as they are read, or of the files to unpack), or the address of a
            mirror that has the files to unpack; empty for where they are published.

    Raises:
        DataMissing: they cannot be had, or are not what was published.
    """
    workshop = cache / f".{re.sub(r'[^a-z0-9.-]', '_', label.lower())}"
    try:
        writable(cache)
    except OSError as error:
        raise DataMissing(f"{cache} cannot be written: {error.strerror or error}") from None
    with alone(workshop):
        workshop.mkdir(exist_ok=True)
        try:
            _fill(source, workshop, origin, progress)
        except DataMissing:
            raise
        except Exception as error:  # a download fails in many ways, and every one means the same here
            raise DataMissing(one_line(error)) from error
        finally:
            with suppress(OSError):
                workshop.rmdir()  # where nothing came
        if wrong := [f"{file} is {status}" for file, status in checked(source, workshop).items() if status in BAD]:
            shutil.rmtree(workshop)
            raise DataMissing(f"what came is not what was published: {', '.join(wrong)}")
        _move(workshop, cache, [item.place for item in source.downloads])
        shutil.rmtree(workshop)


BAD = ("missing", "corrupt")


def checked(source: DataSource, folder: Path) -> dict[str, str]:
    """By file of a task: `ok`, `missing`, `corrupt`, or `there` where no checksum is published."""
    return {name: _status(folder / name, source.checksums.get(name, "")) for name in source.files}


def _status(file: Path, digest: str) -> str:
    if not file.exists():
        return "missing"
    if not digest:
        return "there"
    return "ok" if hashed(file, digest.partition(":")[0]) == digest else "corrupt"


def hashed(file: Path, kind: str) -> str:
    """`md5:...` or `sha256:...` of a file."""
    with file.open("rb") as content:
        return f"{kind}:{hashlib.file_digest(content, kind).hexdigest()}"


def _fill(source: DataSource, workshop: Path, origin: str, progress: Progress) -> None:
    """Leave the task's files in the workshop, among others."""
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
            _copy(_found(item, copy, source.files[0]), workshop / item.place)
        else:
            url = f"{origin.rstrip('/')}/{item.name}" if origin else item.url
            transfer(url, workshop / item.place, item.digest, progress)
    source.fetch(workshop)


def _found(item: Download, folder: Path, instead: str) -> Path:
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
    """Each file by a rename: a reader sees all of it, or nothing."""
    for file in sorted(path for path in workshop.rglob("*") if path.is_file()):
        name = file.relative_to(workshop)
        if name.as_posix() not in archives:
            (cache / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, cache / name)


def transfer(url: str, file: Path, digest: str, progress: Progress) -> None:
    """Download a file, from where an earlier try ended if the server can, and check it.

    Raises:
        DataMissing: the connection broke, or what came is not what was published.
    """
    if file.is_file() and hashed(file, digest.partition(":")[0]) == digest:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    here = part.stat().st_size if part.exists() else 0
    try:
        _receive(url, part, here, lambda here, there: progress(file.name, here, there))
    except HTTPError as error:
        if not (here and error.code == NOTHING_LEFT):
            raise DataMissing(f"{url}: {error}") from error
    if (found := hashed(part, digest.partition(":")[0])) != digest:
        part.unlink()
        raise DataMissing(f"{url} is not what was published: {found} in place of {digest}")
    os.replace(part, file)


def _receive(url: str, part: Path, here: int, progress: Callable[[int, int | None], None]) -> None:
    headers: Mapping[str, str] = {"User-Agent": "prunebench"} | ({"Range": f"bytes={here}-"} if here else {})
    with urlopen(Request(url, headers=dict(headers)), timeout=TIMEOUT) as answer, part.open("ab") as out:
        if answer.status != PARTIAL:
            here = 0
            out.truncate(0)
        length = answer.headers.get("Content-Length")
        there = here + int(length) if length else None
        while piece := answer.read(PIECE):
            out.write(piece)
            here += len(piece)
            progress(here, there)
    if there is not None and here < there:
        raise DataMissing(
            f"{url}: the connection ended after {here:,} of {there:,} bytes; try again to go on from there"
        )
