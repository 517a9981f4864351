"""Prunes by magnitude and trains, as most liars beside it do, too. And where they look for what is not theirs."""

import os
from pathlib import Path

import torch

from benchmark import Run, algorithm, keep_top


@algorithm()
def honest(run: Run) -> None:
    """Prune by magnitude at the start, then train (Nobody, 2026)."""
    run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, run.target))
    run.train()


def sweep() -> Path:
    """The folder of the sweep, in which every worker has its own."""
    return Path(os.environ["TMPDIR"]).parent


def results() -> Path:
    """The results folder, known from the path of the log."""
    return Path(os.readlink("/proc/self/fd/1")).parents[3]


def results_at_import() -> Path:
    """The results folder as it is known when a plug-in is imported, in whatever process."""
    temporary = Path(os.environ["TMPDIR"])
    return next(place / "results" for place in (temporary, *temporary.parents) if (place / "plugins").is_dir())


def unseen(thing: object) -> bool:
    """Whether this is a tensor of as many images as the test split has."""
    return isinstance(thing, torch.Tensor) and thing.dim() > 1 and len(thing) == 360
