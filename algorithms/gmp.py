from algorithms._schedules import cubic, due, progress, window
from algorithms._scores import magnitude
from benchmark import Count, Fraction, Run, algorithm, keep_top


@algorithm(paper="arXiv:1710.01878")
def gmp(run: Run, *, begin: Fraction = 0.0, end: Fraction = 0.5, interval: Count = 100) -> None:
    """GMP: prune the smallest weights little by little while training, along a cubic (Zhu & Gupta, 2017).

    The paper prunes every layer alike, which is `--pattern layer`; Gale et al. (2019) and GraNet rank globally.

    Options:
        begin: where pruning begins, as a share of training
        end: where the target is met, exactly; the rest of training is for recovery
        interval: steps between two prunings
    """
    first, last = window(begin, end, run.recipe.steps)
    for step in run.steps():
        if due(step.index, first, last, interval):
            density = cubic(1.0, run.target.density, progress(step.index, first, last))
            run.prune(keep_top(magnitude(run.weights), run.target.to(density), among=run.masks))
