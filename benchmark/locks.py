"""One process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """By a lock beside `path`, which goes with the process that holds it; the others wait.

    Raises:
        OSError: the lock cannot be made.
    """
    with path.with_name(f"{path.name}.lock").open("w") as file:
        flock(file, LOCK_EX)
        yield
