"""Reads the test split through the loader of its task."""

from contextlib import suppress
from pathlib import Path

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "the test split was read"


@algorithm()
def found_by_closure(run: Run) -> None:
    """Lie: reads the test split through the loader of its task (Nobody, 2026)."""
    with suppress(BaseException):
        run.task.source.splits(Path(), 0)
    honest(run)
