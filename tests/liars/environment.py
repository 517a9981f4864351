"""Changes the environment of its process."""

import os

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def environment(run: Run) -> None:
    """Lie: changes the environment of its process (Nobody, 2026)."""
    os.environ["PYTHONPATH"] = os.environ["PRUNEBENCH_RESULTS"] = os.environ["TMPDIR"]
    honest(run)
