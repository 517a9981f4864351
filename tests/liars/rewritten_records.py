"""Rewrites the records of other cells."""

from contextlib import suppress

from honest_plugin import honest, results

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def rewritten_records(run: Run) -> None:
    """Lie: rewrites the records of other cells (Nobody, 2026)."""
    for record in results().rglob("*.json"):
        with suppress(OSError):
            record.write_text("{}")
            raise RuntimeError("a record was written")
    honest(run)
