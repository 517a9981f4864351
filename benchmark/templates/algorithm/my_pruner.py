"""A pruning method for prunebench."""

from benchmark import Fraction, Run, algorithm, keep_top
from benchmark.scores import magnitude

PRUNEBENCH_INTERFACE = 1  # what this is written for; a prunebench with another one says so


@algorithm(paper="", family="during training")
def my_pruner(run: Run, *, share: Fraction = 0.5) -> None:
    """Magnitude, once, after a share of the training. Say here what it is and whose (Author et al., 2026).

    Options:
        share: of the training before the pruning
    """
    run.train(round(share * run.recipe.steps))
    run.prune(keep_top(magnitude(run.weights), run.target))
    run.train()
