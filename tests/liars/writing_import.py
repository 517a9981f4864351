"""Writes a record when it is imported."""

from contextlib import suppress

from honest_plugin import honest, results_at_import

from benchmark import Run, algorithm

OUTCOME = "without effect"

with suppress(OSError):
    results_at_import().mkdir(exist_ok=True)
    (results_at_import() / "planted.json").write_text("{}")
    raise RuntimeError("a record was written")


@algorithm()
def writing_import(run: Run) -> None:
    """Lie: writes a record when it is imported (Nobody, 2026)."""
    honest(run)
