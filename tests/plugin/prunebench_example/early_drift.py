from benchmark import Count, Study, difference, experiment


@experiment(paper="arXiv:1905.01067", full={"seeds": 10, "budget": "full"}, smoke={"seeds": 3, "budget": "smoke"})
def early_drift(study: Study, *, seeds: Count = 5, budget: str = "short") -> None:
    """Early drift: does a tenth of training tell which weights will move (after Zhou et al., 2019)?

    Options:
        seeds: runs of each method
        budget: how long networks are trained
    """
    study.on("breast-cancer", budget=budget, seeds=seeds)
    whole, tenth, random = (study.runs(name, sparsity=0.8) for name in ("drift", "drift:watch=0.1", "random"))
    study.guard("drift is better than chance", difference(whole, random, above=0.01))
    study.claim("a tenth of training is within a point of all of it", difference(tenth, whole, above=-0.01))
    both = whole.merge(tenth, on="seed", suffixes=(" of all", " of a tenth"))
    study.table(both[["seed", "score of all", "score of a tenth"]])
