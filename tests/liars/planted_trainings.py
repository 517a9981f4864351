"""Replaces shared trainings by others, and announces them as made."""

import hashlib
from contextlib import suppress

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def planted_trainings(run: Run) -> None:
    """Lie: replaces shared trainings by others, and announces them as made (Nobody, 2026)."""
    ledger = run._state._shared_trainings.sharing.ledger
    for file in run._state._shared_trainings.sharing.folder.glob("*"):
        with suppress(OSError):
            file.write_bytes(b"mine")
        ledger.made(file.stem, hashlib.sha256(b"mine").hexdigest())
    honest(run)
