"""The temporary folder of a sweep."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir


def graphs_beside(folder: Path) -> Path:
    """The file of the graphs that a worker is to edit.

    It is not in the worker's folder, where it could be a link of the worker's to another file.
    """
    return folder.with_name(f"{folder.name}-graphs")


@contextmanager
def sweep_folder() -> Iterator[Path]:
    """Yield a folder for a sweep, and delete it at the end.

    Folders of sweeps that were killed before their end are deleted here, too.
    """
    for left in Path(gettempdir()).glob("prunebench-*-*"):
        _, owner, _ = left.name.split("-", 2)
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=f"prunebench-{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
