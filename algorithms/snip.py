from algorithms._scores import sensitivity
from benchmark import Count, Run, algorithm, keep_top


@algorithm(paper="arXiv:1810.02340")
def snip(run: Run, *, batches: Count = 1) -> None:
    """SNIP: keep the connections the loss is most sensitive to, at initialisation (Lee et al., 2019).

    The weights that are scored are the weights that are trained, as later work has it; the original code trains
    another draw.

    Options:
        batches: training batches whose mean gradient is scored
    """
    run.prune(keep_top(sensitivity(run.weights, run.gradients(batches)), run.target))
    run.train()
