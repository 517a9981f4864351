"""Writes a record of its own, in place of the referee."""

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
def planted_record(run: Run) -> None:
    """Lie: writes a record of its own, in place of the referee (Nobody, 2026)."""
    with suppress(OSError):
        (results() / "records" / "digits" / "mine.json").write_text("{}")
        raise RuntimeError("a record was written")
    honest(run)
