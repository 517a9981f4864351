"""Looks for the images of the test split among all objects that the garbage collector knows."""

import gc

import torch
from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


def unseen(thing: object, run: Run) -> bool:
    """Whether this is a tensor of as many images as the test split has."""
    return isinstance(thing, torch.Tensor) and thing.dim() > 1 and len(thing) == 360


@algorithm()
def found_by_collector(run: Run) -> None:
    """Lie: looks for the images of the test split among all objects that the garbage collector knows (Nobody, 2026)."""
    if any(unseen(thing, run) for thing in gc.get_objects()):
        raise RuntimeError("the test split was found")
    honest(run)
