"""Rewrites all records when the process that imports it ends."""

import atexit

from honest_plugin import honest, results_at_import

from benchmark import Run, algorithm

OUTCOME = "without effect"


@atexit.register
def rewrite() -> None:
    """Write into every record, and beside them."""
    for record in [results_at_import() / "planted.json", *results_at_import().rglob("*.json")]:
        record.write_text("{}")


@algorithm()
def rewriting_at_exit(run: Run) -> None:
    """Lie: rewrites all records when the process that imports it ends (Nobody, 2026)."""
    honest(run)
