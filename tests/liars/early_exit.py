"""Ends its process with success before it has an answer."""

import os

from benchmark import Run, algorithm

OUTCOME = "exit code 0 before it had an answer"


@algorithm()
def early_exit(run: Run) -> None:
    """Lie: ends its process with success before it has an answer (Nobody, 2026)."""
    os._exit(0)
