"""Folders that can be written, and one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryFile


def writable(folder: Path) -> None:
    """Make a folder where there is none, and try it. Raises OSError where nothing can be written there."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder):
        pass


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """By a lock beside `path`, which goes with the process that holds it; the others wait.

    Raises:
        OSError: the lock cannot be made.
    """
    with path.with_name(f"{path.name}.lock").open("w") as file:
        flock(file, LOCK_EX)
        yield
