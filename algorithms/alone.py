from benchmark import Run, algorithm


@algorithm(prunes=None, needs="streams", trains_once=False)
def alone(run: Run) -> None:
    """Alone: train on every part from the initial weights, as if no other had come before.

    After each part it is as good as a network of its own; what a method gains over it is forward transfer.
    """
    start = run.snapshot()
    for _ in run.parts():
        run.restore(start)
        run.train()
