"""Setting weights to values that a method has made, which the record tells."""

from __future__ import annotations

from dataclasses import replace

from benchmark import Run
from benchmark.scores import Tensors


def put(run: Run, values: Tensors) -> None:
    """Set the named parameters to these values and leave the others unchanged."""
    snapshot = run.snapshot()
    run.restore(replace(snapshot, state={**snapshot.state, **values}))
