from benchmark import Amount, Run, algorithm, keep_top


@algorithm(paper="arXiv:1905.01067", trains_once=False)
def drift(run: Run, *, watch: Amount = 1.0) -> None:
    """Drift: keep the weights that training moves farthest, and train them from the start (Zhou et al., 2019).

    Options:
        watch: how long to let the weights move before they are ranked, in trainings
    """
    start, before = run.snapshot(), run.weights
    run.train(round(watch * run.recipe.steps))
    moved = {name: (weight - before[name]).abs() for name, weight in run.weights.items()}
    run.prune(keep_top(moved, run.target))
    run.restore(start)
    run.train()
