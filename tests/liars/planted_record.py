"""Writes a record of its own, in place of the referee."""

from contextlib import suppress

from honest_plugin import honest, results

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def planted_record(run: Run) -> None:
    """Lie: writes a record of its own, in place of the referee (Nobody, 2026)."""
    with suppress(OSError):
        (results() / "records" / "digits" / "mine.json").write_text("{}")
        raise RuntimeError("a record was written")
    honest(run)
