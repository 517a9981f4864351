from typing import Literal

from benchmark import Distribution, Run, algorithm, keep_top, noise, sparse_start


@algorithm(paper="arXiv:1911.11134", family="before training")
def random(run: Run, *, distribution: Literal["pattern"] | Distribution = "pattern") -> None:
    """Random: keep weights drawn at random, at initialisation (the null of every claim).

    Options:
        distribution: layer densities: set by the pattern (`global` draws from the whole network), uniform
            (uniform+ spares the ends; Gale et al., 2019), Erdos-Renyi (er, erk; Evci et al., 2020;
            erk-first with the first tensor dense), smart-ratio (Su et al., 2020) or ideal-gas
            quotas (igq; Vysogorets & Kempe, 2023)
    """
    if distribution == "pattern":
        run.prune(keep_top(noise(run.weights, run.rng), run.target))
    else:
        run.prune(sparse_start(run.weights, run.rng, run.target, distribution))
    run.train()
