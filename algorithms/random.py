from typing import Literal

from algorithms._budgets import budgets
from algorithms._scores import noise
from benchmark import Run, algorithm, keep_each, keep_top
from benchmark.target import Anywhere


@algorithm(paper="arXiv:1911.11134")
def random(run: Run, *, distribution: Literal["pattern", "uniform", "erk"] = "pattern") -> None:
    """Random: keep weights drawn at random, at initialisation (the null of every claim).

    Options:
        distribution: layer densities: as the pattern falls (under `global`, a subset of the whole network), the
            same in every layer, or Erdos-Renyi-kernel (Evci et al., 2020)
    """
    scores = noise(run.weights, run.rng)
    if distribution == "pattern":
        run.prune(keep_top(scores, run.target))
    elif isinstance(run.target.pattern, Anywhere):
        shapes = {name: weight.shape for name, weight in run.weights.items()}
        run.prune(keep_each(scores, budgets(distribution, shapes, run.target.density)))
    else:
        raise ValueError(f"pattern {run.target.pattern.name} sets the layer densities; distribution must be 'pattern'")
    run.train()
