from typing import Annotated

from benchmark import Absent, Count, Run, algorithm, keep_top
from benchmark.scores import sensitivity

from ._norms import Norms, matter


@algorithm(paper="arXiv:1810.02340", family="before training")
def snip(
    run: Run,
    *,
    batches: Count = 1,
    rounds: Count = 1,
    reinit: bool = False,
    norms: Annotated[Norms, Absent("batch", matters=matter)] = "running",
) -> None:
    """SNIP: keep the connections the loss is most sensitive to, at initialisation (Lee et al., 2019).

    Options:
        batches: training batches whose mean gradient gives the scores
        rounds: steps of a geometric schedule, with new scores in each; 1 is the paper's single shot, more is
            iterative SNIP (de Jorge et al., 2021)
        reinit: train another draw of the weights than was scored, as the original code does and later work does not
        norms: statistics of norm layers for the scores: running, as the authors score in inference mode
            (namhoonlee/snip-public, prune.py: is_train False) and Tanaka et al. (2020) do; or of the batch, as in
            FORCE's iterative SNIP
    """
    for done in range(1, rounds + 1):
        scores = sensitivity(run.weights, run.gradients(batches, norms=norms))
        run.prune(keep_top(scores, run.target.at_progress(done / rounds), among=run.masks))
    if reinit:
        run.restore(run.redraw())
    run.train()
