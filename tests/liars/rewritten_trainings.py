"""Rewrites the trainings that cells share."""

from contextlib import suppress

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def rewritten_trainings(run: Run) -> None:
    """Lie: rewrites the trainings that cells share (Nobody, 2026)."""
    for file in run._state._shared_trainings.sharing.folder.glob("*"):
        with suppress(OSError):
            file.write_bytes(b"not a training")
    honest(run)
