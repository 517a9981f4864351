"""Deletes the records and masks of other cells."""

from contextlib import suppress

from honest_plugin import honest, results

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def deleted_records(run: Run) -> None:
    """Lie: deletes the records and masks of other cells (Nobody, 2026)."""
    for file in [*results().rglob("*.json"), *results().rglob("*.npz")]:
        with suppress(OSError):
            file.unlink()
            raise RuntimeError("a record was deleted")
    honest(run)
