from benchmark import Run, algorithm


@algorithm(prunes=None, family="dense")
def dense(run: Run) -> None:
    """Dense: train and prune nothing, what every method is measured against."""
    run.train()
