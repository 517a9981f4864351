import torch
from torch import Tensor

from benchmark import Count, NofM, Positive, Run, Target, algorithm, keep_each, keep_top

from ._layerwise import Finetune, fine_tune, replaced, train_if_drawn
from ._obs import Rows, counts_of


@algorithm(paper="arXiv:2301.00774", trains_once=False, family="after training")
def sparsegpt(
    run: Run,
    *,
    batches: Count = 8,
    damping: Positive = 0.01,
    block: Count = 128,
    statistics: bool = False,
    finetune: Finetune = 0.0,
) -> None:
    """SparseGPT: prune column by column, and correct those to the right for the error (Frantar & Alistarh, 2023).

    All layers keep the same share, and each is fed by layers that are pruned already. A network that comes trained is
    pruned at once; else it is trained first. Biases are not corrected. Counts are exact; the threshold of the authors'
    code (IST-DASLab/sparsegpt) removes one weight more of every block.

    Options:
        batches: training batches in every look at inputs; the authors use 128 sequences, the same for all layers
        damping: added to the diagonal of X X^T, as a share of its mean
        block: columns whose weights are compared with each other
        statistics: after pruning, estimate the statistics of norm layers again, on as many batches
    """
    train_if_drawn(run)
    for name, count in counts_of(run, "sparsegpt").items():
        layer = Rows.of(run.weights[name], run.gram(batches, [name])[name], damping, run.target)
        weights, kept = swept(layer, count, block, run.target)
        run.prune(replaced(run.masks, {name: layer.shaped(kept)}))
        run.write({name: layer.shaped(weights)})
    if statistics:
        run.write(run.statistics(run.batches(batches)))
    fine_tune(run, finetune)


def swept(layer: Rows, count: int, block: int, target: Target) -> tuple[Tensor, Tensor]:
    """The corrected weights of a layer, and which of them are kept; both [groups, rows, columns].

    Args:
        count: weights that are kept; under N:M the pattern says it.
    """
    weights, kept = layer.weights.clone(), torch.ones_like(layer.weights, dtype=torch.bool)
    inverse = torch.linalg.cholesky(layer.inverse, upper=True)
    diagonal, columns = inverse.diagonal(dim1=1, dim2=2)[:, None], weights.shape[2]
    compared = target.pattern.m if isinstance(target.pattern, NofM) else block
    for first in range(0, columns, compared):
        last = min(first + compared, columns)
        losses = (weights[..., first:last] / diagonal[..., first:last]) ** 2
        kept[..., first:last] = best(losses, count * last // columns - count * first // columns, target)
        errors = torch.zeros_like(losses)
        for at in range(first, last):
            errors[..., at - first] = error = weights[..., at] * ~kept[..., at] / diagonal[..., at]
            weights[..., at:last] -= error[..., None] * inverse[:, None, at, at:last]
        weights[..., last:] -= errors @ inverse[:, first:last, last:]
    return weights * kept, kept


def best(losses: Tensor, count: int, target: Target) -> Tensor:
    """Which weights to keep of some columns: those whose removal costs most, bool [groups, rows, columns]."""
    if isinstance(target.pattern, NofM):
        return keep_top({"": losses.flatten(0, 1)}, target)[""].view_as(losses)
    return keep_each(target.oriented({"": losses}), {"": count})[""]
