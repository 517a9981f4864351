import torch

from benchmark import Count, Run, algorithm, keep_top
from benchmark.scores import sensitivity


@algorithm(paper="arXiv:2006.05467", family="before training")
def synflow(run: Run, *, rounds: Count = 100) -> None:
    """SynFlow: keep the synapses that most flow passes through, round by round and without data (Tanaka et al., 2020).

    Options:
        rounds: steps of the geometric density schedule; with a single round, layers collapse
    """
    weights = {name: weight.abs().double() for name, weight in run.weights.items()}  # float32 overflows in deep nets
    masks = run.masks
    for done in range(1, rounds + 1):
        synapses = {name: (weight * masks[name]).requires_grad_() for name, weight in weights.items()}
        gradients = torch.autograd.grad(run.flow(synapses), list(synapses.values()))
        scores = sensitivity(synapses, dict(zip(synapses, gradients, strict=True)))
        masks = keep_top(scores, run.target.at_progress(done / rounds), among=masks)
    run.prune(masks)
    run.train()
