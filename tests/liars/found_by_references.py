"""Follows references from the run to the test split."""

import gc
from types import ModuleType

import torch
from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


def unseen(thing: object, run: Run) -> bool:
    """Whether this is a tensor of as many images as the test split has."""
    return isinstance(thing, torch.Tensor) and thing.dim() > 1 and len(thing) == 360


@algorithm()
def found_by_references(run: Run) -> None:
    """Lie: follows references from the run to the test split (Nobody, 2026)."""
    seen, frontier = {id(run)}, [run]
    for _ in range(12):
        reached = [inner for inner in gc.get_referents(*frontier) if id(inner) not in seen]
        if any(unseen(inner, run) for inner in reached):
            raise RuntimeError("the test split was found")
        seen |= {id(inner) for inner in reached}
        frontier = [inner for inner in reached if not isinstance(inner, ModuleType | type)]
    honest(run)
