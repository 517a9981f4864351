"""Forgets the masks inside the engine: momentum and decay bring weights back."""

from benchmark import Run, algorithm, keep_top

OUTCOME = "pruned weights that are not zero"


@algorithm()
def unmasked_updates(run: Run) -> None:
    """Lie: forgets the masks inside the engine (Nobody, 2026)."""
    run.train(10)
    run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, run.target))
    run._state.engine.fixed._masked, run._state.engine.fixed._floats = [], []
    for _ in run.steps():  # pauses, in which no step is sparse
        pass
