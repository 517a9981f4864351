"""Writes into its pipe what is no message."""

import os

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "is not a message"


@algorithm()
def garbled_message(run: Run) -> None:
    """Lie: writes into its pipe what is no message (Nobody, 2026)."""
    os.write(run._state._shared_trainings.sharing.ledger.channel.connection.fileno(), b"pickle\n")
    honest(run)
