"""Deletes the records and masks of other cells."""

import os
from contextlib import suppress
from pathlib import Path

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


def sweep() -> Path:
    """The folder of the sweep, in which every worker has its own."""
    return Path(os.environ["TMPDIR"]).parent


def results() -> Path:
    """The results folder, known from the path of the log."""
    return Path(os.readlink("/proc/self/fd/1")).parents[3]


@algorithm()
def deleted_records(run: Run) -> None:
    """Lie: deletes the records and masks of other cells (Nobody, 2026)."""
    for file in [*results().rglob("*.json"), *results().rglob("*.npz")]:
        with suppress(OSError):
            file.unlink()
            raise RuntimeError("a record was deleted")
    honest(run)
