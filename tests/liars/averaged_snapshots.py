"""Restores an average of two snapshots, and says nothing of it."""

from honest_plugin import honest

from benchmark import Run, Snapshot, algorithm

OUTCOME = "made, not training"


@algorithm()
def averaged_snapshots(run: Run) -> None:
    """Lie: restores an average of two snapshots, and says nothing of it (Nobody, 2026)."""
    early = run.snapshot()
    honest(run)
    late = run.snapshot()
    middle = {
        name: (value + late.state[name]) / 2 if value.is_floating_point() else value
        for name, value in early.state.items()
    }
    run.restore(Snapshot(middle, late.clock))
