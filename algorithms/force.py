from benchmark import Count, Run, algorithm, keep_top
from benchmark.scores import sensitivity


@algorithm(paper="arXiv:2006.09081", family="before training")
def force(run: Run, *, batches: Count = 1, rounds: Count = 10) -> None:
    """FORCE: SNIP in rounds, where what was sparsified may come back (de Jorge et al., 2021).

    Options:
        batches: training batches whose mean gradient gives the scores of a round
        rounds: steps of the geometric density schedule
    """
    initial, weights = run.snapshot(), run.weights
    for done in range(1, rounds + 1):
        gradients = run.gradients(batches)  # of the pruned network, for pruned weights too
        run.prune(keep_top(sensitivity(weights, gradients), run.target.at_progress(done / rounds)))
        run.restore(initial)
    run.train()
