"""Rewrites the records of other cells."""

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
def rewritten_records(run: Run) -> None:
    """Lie: rewrites the records of other cells (Nobody, 2026)."""
    for record in results().rglob("*.json"):
        with suppress(OSError):
            record.write_text("{}")
            raise RuntimeError("a record was written")
    honest(run)
