"""Replaces shared trainings by others, and announces them as made."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


def sweep() -> Path:
    """The folder of the sweep, in which every worker has its own."""
    return Path(os.environ["TMPDIR"]).parent


def results() -> Path:
    """The results folder, known from the path of the log."""
    return Path(os.readlink("/proc/self/fd/1")).parents[3]


@algorithm()
def planted_trainings(run: Run) -> None:
    """Lie: replaces shared trainings by others, and announces them as made (Nobody, 2026)."""
    ledger = run._state._shared_trainings.sharing.ledger
    for file in sweep().glob("trainings-*/*.pt"):
        with suppress(OSError):
            file.write_bytes(b"mine")
        ledger.made(file.stem, hashlib.sha256(b"mine").hexdigest())
    honest(run)
