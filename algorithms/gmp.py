from typing import Annotated

from benchmark import Absent, Count, Fraction, Run, Sparsity, algorithm, keep_top
from benchmark.schedules import cubic, progress, starting_density, updates, window
from benchmark.scores import magnitude

from ._powered import Power, powered


@algorithm(paper="arXiv:1710.01878", family="during training")
def gmp(
    run: Run,
    *,
    initial: Sparsity = 0.0,
    begin: Fraction = 0.0,
    end: Fraction = 0.5,
    interval: Count = 100,
    power: Annotated[Power, Absent(1.0)] = 1.0,
) -> None:
    """GMP: prune the smallest weights little by little while training, along a cubic (Zhu & Gupta, 2017).

    The paper prunes all layers to the same sparsity, which is `--pattern layer`. Gale et al. (2019) and GraNet rank
    weights globally.

    Options:
        initial: sparsity at the start of the schedule
        begin: start of the schedule, as a share of training
        end: when the target is reached exactly, as a share of training; the rest of training is for recovery
        interval: steps between two pruning steps
        power: train each weight as sign(t) |t|^power (powerpropagation; Schwarz et al., 2021); 1 is plain training
    """
    start = starting_density(initial, run.target.density)
    first, last = window(begin, end, run.recipe.steps)
    with powered(run, power) as trained:
        for step in run.steps(at=[*([first] if initial else []), *updates(first, last, interval)]):
            density = cubic(start, run.target.density, progress(step.index, first, last))
            run.prune(keep_top(magnitude(trained.weights), run.target.with_density(density), among=run.masks))
