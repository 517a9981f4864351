"""Says that it has handed over, and has not."""

import time

from benchmark import Run, algorithm

OUTCOME = "No such file"


@algorithm()
def empty_handover(run: Run) -> None:
    """Lie: says that it has handed over, and has not (Nobody, 2026)."""
    run._state._shared_trainings.sharing.ledger.channel.send(handed="0" * 64, edits=0)
    time.sleep(60)
