"""Writing files: atomic writes, locks between processes, and a check that a folder can be written to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryFile


def user_cache() -> Path:
    """The folder for downloads and caches: `$XDG_CACHE_HOME/prunebench`, by default `~/.cache/prunebench`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prunebench"


def writable(folder: Path) -> None:
    """Create a folder if it does not exist. Raises OSError if it cannot be written to."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder):
        pass


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Let only one process at a time into this context, for the same `path`; others wait.

    The lock is a file next to `path`. It is released when the process ends.

    Raises:
        OSError: the lock cannot be made.
    """
    with path.with_name(f"{path.name}.lock").open("w") as file:
        flock(file, LOCK_EX)
        yield


def make_folder(folder: Path, within: Path) -> None:
    """Create a folder and those between it and `within`. Raises OSError if that one is not there."""
    folder.relative_to(within)
    for missing in reversed([folder, *folder.parents]):
        if within in missing.parents:
            missing.mkdir(exist_ok=True)


def write(content: bytes, path: Path, within: Path | None = None) -> None:
    """Write a file completely or not at all: to a temporary file, which is synced and renamed.

    Args:
        within: a folder that is not made anew if it is gone.
    """
    if within:
        make_folder(path.parent, within)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
