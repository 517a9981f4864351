"""Opens the installed harness for writing."""

from contextlib import suppress

from honest_plugin import honest

from benchmark import Run, algorithm
from benchmark.harness import answer

OUTCOME = "without effect"


@algorithm()
def edited_installation(run: Run) -> None:
    """Lie: opens the installed harness for writing (Nobody, 2026)."""
    with suppress(OSError), open(answer.__file__, "r+"):
        raise RuntimeError("the harness can be edited")
    honest(run)
