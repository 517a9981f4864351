"""Changes the labels of the training data in place."""

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "training data were changed"


@algorithm()
def changed_training_data(run: Run) -> None:
    """Lie: changes the labels of the training data in place (Nobody, 2026)."""
    run.data.targets.fill_(3)
    honest(run)
