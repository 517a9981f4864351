"""An experiment for prunebench."""

from benchmark import Count, Study, difference, experiment

PRUNEBENCH_INTERFACE = 1  # what this is written for; a prunebench with another one says so


@experiment(paper="", full={"seeds": 10, "budget": "full"}, smoke={"seeds": 3, "budget": "smoke"})
def my_question(study: Study, *, seeds: Count = 5, budget: str = "short") -> None:
    """Do weights that are large at the start matter? Say here what is asked (after Author et al., 2026).

    Options:
        seeds: runs of each method
        budget: how long networks are trained
    """
    study.on("digits", budget=budget, seeds=seeds)
    trained, random = study.runs("magnitude", sparsity=0.95), study.runs("random", sparsity=0.95)
    untrained = study.runs("magnitude:when=init", sparsity=0.95)
    study.guard("the magnitude of trained weights is better than chance", difference(trained, random, above=0.01))
    study.claim("so is that of untrained ones", difference(untrained, random, above=0.01))
    both = untrained.merge(random, on="seed", suffixes=(" by magnitude", " at random"))
    study.table(both[["seed", "score by magnitude", "score at random"]])
