import torch
from torch import Tensor

from benchmark import Channels, Count, Masks, Run, algorithm, keep_units
from benchmark.scores import Tensors

from ._channels import channels, within_layers


@algorithm(paper="arXiv:1811.00250", family="during training", only="channels")
def fpgm(run: Run, *, interval: Count = 100) -> None:
    """FPGM: prune the filters nearest to the geometric median of their layer, which others stand for (He et al., 2019).

    A filter's score is the sum of its distances to all filters of the layer; of layers that are tied, the sum over
    them. All layers lose the same share, up to one channel. Masks are renewed while training, with pruned filters
    at zero, and any filter may come back; those at the end of training are final.

    Options:
        interval: steps between two renewals; the authors' is an epoch
    """
    pattern, last = channels(run), run.recipe.steps
    run.prune(farthest(run, pattern))
    while run.clock < last:
        run.train(min(interval, last - run.clock))
        run.prune(farthest(run, pattern))


def farthest(run: Run, pattern: Channels) -> Masks:
    """The masks of the channels that are farthest from the others of their layer."""
    scores = within_layers(distances(run.weights, pattern), pattern)
    return keep_units(scores, run.target, Masks.ones(run.weights))


def distances(weights: Tensors, pattern: Channels) -> Tensor:
    """The sum of Euclidean distances of every channel's filters to all filters of their layers: float64 [channels]."""
    total = torch.zeros(len(pattern.layers) + 1, dtype=torch.float64)  # the last is of no channel
    for name, several in pattern.members.items():
        filters = weights[name].cpu().double().flatten(1)
        for numbers in several:
            apart = torch.cdist(filters, filters, compute_mode="donot_use_mm_for_euclid_dist")
            if numbers.shape[0] == numbers.numel() == len(filters):  # of outputs
                total.index_add_(0, numbers.flatten() % len(total), apart.sum(dim=1))
    return total[:-1]
