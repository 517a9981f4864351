"""Compares the files of a data set with their known checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benchmark.data.source import DataSource
from benchmark.files import user_cache

BAD = ("missing", "corrupt")
"""The results of `file_states` for files that cannot be used."""


def hashed(file: Path, kind: str) -> str:
    """The digest of a file, as `md5:...` or `sha256:...`."""
    with file.open("rb") as content:
        return f"{kind}:{hashlib.file_digest(content, kind).hexdigest()}"


def matches(file: Path, digest: str) -> bool:
    """Whether a file has a digest, `md5:...` or `sha256:...`."""
    return file.is_file() and hashed(file, digest.partition(":")[0]) == digest


def matches_as_before(file: Path, digest: str) -> bool:
    """Like `matches`, but a file that matched once is not read again while its size, times and inode stay the same.

    What matched is noted in the folder `checked` of the user's cache, in an empty file per file.
    """
    stat = file.stat()
    facts = (str(file.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, digest)
    note = user_cache() / "checked" / hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    if note.exists():
        return True
    if not matches(file, digest):
        return False
    with suppress(OSError):  # without a cache, the file is read again by the next run
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()
    return True


def file_states(source: DataSource, folder: Path, compare: Callable[[Path, str], bool] = matches) -> dict[str, str]:
    """The state of each file of a task: `ok`, `missing`, `corrupt`, or `there` if no checksum is published.

    Args:
        compare: `matches`, or `matches_as_before`.
    """

    def state(name: str) -> str:
        file, digest = folder / name, source.checksums.get(name, "")
        if not present(file):
            return "missing"
        return "there" if not digest else "ok" if compare(file, digest) else "corrupt"

    return {name: state(name) for name in source.files}


def present(path: Path) -> bool:
    """Whether there is a file or folder, and not a pipe or device, whose reader might wait forever."""
    return path.is_file() or path.is_dir()
