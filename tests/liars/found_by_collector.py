"""Looks for the images of the test split among all objects that the garbage collector knows."""

import gc

from honest_plugin import honest, unseen

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def found_by_collector(run: Run) -> None:
    """Lie: looks for the images of the test split among all objects that the garbage collector knows (Nobody, 2026)."""
    if any(unseen(thing) for thing in gc.get_objects()):
        raise RuntimeError("the test split was found")
    honest(run)
