"""Rewrites what other workers have handed over."""

import os
from contextlib import suppress
from pathlib import Path

from honest_plugin import honest, sweep

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def rewritten_handovers(run: Run) -> None:
    """Lie: rewrites what other workers have handed over (Nobody, 2026)."""
    for file in sweep().glob("worker-*/*"):
        if file.parent != Path(os.environ["TMPDIR"]):
            with suppress(OSError):
                file.write_bytes(b"")
                raise RuntimeError("a handover was written")
    honest(run)
