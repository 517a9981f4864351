"""Prints what the command would print."""

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "without effect"


@algorithm()
def faked_output(run: Run) -> None:
    """Lie: prints what the command would print (Nobody, 2026)."""
    print("ok       faked_output    digits/mlp global 0.9 seed 0  accuracy 1.0000  0.1 s")
    honest(run)
