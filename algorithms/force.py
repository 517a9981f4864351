from typing import Annotated

from benchmark import Absent, Count, Run, algorithm, keep_top
from benchmark.scores import sensitivity

from ._norms import Norms, matter


@algorithm(paper="arXiv:2006.09081", family="before training")
def force(
    run: Run,
    *,
    batches: Count = 1,
    rounds: Count = 10,
    norms: Annotated[Norms, Absent("batch", matters=matter)] = "batch",
) -> None:
    """FORCE: SNIP in rounds, where what was sparsified may come back (de Jorge et al., 2021).

    Options:
        batches: training batches whose mean gradient gives the scores of a round
        rounds: steps of the geometric density schedule
        norms: statistics of norm layers for the scores: of the batch, as the authors score in training mode
            (naver/force, pruning_algos.py); or running
    """
    initial, weights = run.snapshot(), run.weights
    for done in range(1, rounds + 1):
        gradients = run.gradients(batches, norms=norms)  # of the pruned network, for pruned weights too
        run.prune(keep_top(sensitivity(weights, gradients), run.target.at_progress(done / rounds)))
        run.restore(initial)
    run.train()
