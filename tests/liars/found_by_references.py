"""Follows references from the run to the test split."""

import gc
from types import ModuleType

from honest_plugin import honest, unseen

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def found_by_references(run: Run) -> None:
    """Lie: follows references from the run to the test split (Nobody, 2026)."""
    seen, frontier = {id(run)}, [run]
    for _ in range(12):
        reached = [inner for inner in gc.get_referents(*frontier) if id(inner) not in seen]
        if any(unseen(inner) for inner in reached):
            raise RuntimeError("the test split was found")
        seen |= {id(inner) for inner in reached}
        frontier = [inner for inner in reached if not isinstance(inner, ModuleType | type)]
    honest(run)
