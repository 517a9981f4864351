from benchmark import Run, algorithm


@algorithm(prunes=None, needs="streams", trains_once=False, family="dense")
def sequential(run: Run) -> None:
    """Sequential: train on one part after the other and protect nothing, so that earlier parts are forgotten."""
    for _ in run.parts():
        run.train()
