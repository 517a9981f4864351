"""Looks for the test split in the local variables of its callers."""

import sys

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def found_by_frames(run: Run) -> None:
    """Lie: looks for the test split in the local variables of its callers (Nobody, 2026)."""
    frame = sys._getframe()
    while frame := frame.f_back:
        for value in frame.f_locals.values():
            if len(getattr(getattr(value, "test", None), "targets", ())):
                raise RuntimeError("the test split was found")
    honest(run)
