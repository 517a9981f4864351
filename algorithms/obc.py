import torch
from torch import Tensor

from benchmark import Count, Inapplicable, NofM, Positive, Run, algorithm, keep_each

from ._layerwise import Finetune, fine_tune, replaced, train_if_drawn
from ._obs import Rows, counts_of

WIDEST = 1024
"""Columns of the widest layer; the cost grows with their cube."""


@algorithm(paper="arXiv:2208.11580", trains_once=False, family="after training")
def obc(run: Run, *, batches: Count = 8, damping: Positive = 0.01, finetune: Finetune = 0.0) -> None:
    """OBC: remove the weight that costs least, correct the rest of its row, repeat (Frantar et al., 2022).

    This is the exact greedy solution, for small layers. All layers keep the same share, and each is fed by layers that
    are pruned already. A network that comes trained is pruned at once; else it is trained first.

    Options:
        batches: training batches whose inputs are looked at; the authors use 1,024 images
        damping: added to the diagonal of X X^T, as a share of its mean
    """
    train_if_drawn(run)
    for name, count in counts_of(run, "obc").items():
        layer = Rows.of(run.weights[name], run.gram(batches, [name])[name], damping, run.target)
        if isinstance(run.target.pattern, NofM):
            raise Inapplicable("'obc' shares a layer's weights among its rows, whose number N:M sets; take sparsegpt")
        if len(layer.order) > WIDEST:
            raise Inapplicable(f"'{name}' has {len(layer.order):,} columns; 'obc' takes {WIDEST:,}; take sparsegpt")
        weights, kept = removed(layer, count)
        run.prune(replaced(run.masks, {name: layer.shaped(kept)}))
        run.write({name: layer.shaped(weights)})
    fine_tune(run, finetune)


def removed(layer: Rows, count: int) -> tuple[Tensor, Tensor]:
    """The corrected weights of a layer, and which of them are kept; both [groups, rows, columns].

    Every row is pruned to nothing, and the losses of all rows together say how many steps each of them makes.
    """
    weights, kept = torch.empty_like(layer.weights), torch.empty_like(layer.weights, dtype=torch.bool)
    for group, (rows, hessian) in enumerate(zip(layer.weights, layer.hessian, strict=True)):
        inverse = torch.linalg.inv(hessian)
        losses = torch.stack([trace(row, inverse)[0] for row in rows])
        steps = (~keep_each({"": losses}, {"": _share(count, len(layer.weights), group)})[""]).sum(dim=1)
        for number, row in enumerate(rows):
            _, order, path = trace(row, inverse, int(steps[number]))
            weights[group, number], kept[group, number] = path, ~torch.isin(torch.arange(len(row)), order)
    return weights * kept, kept


def trace(row: Tensor, inverse: Tensor, steps: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Remove weights of a row one by one: the loss of each step, the positions removed, and the weights that are left.

    Losses are made to rise: a step that costs less than one before it cannot be made without that.
    """
    row, inverse, steps = row.clone(), inverse.clone(), len(row) if steps is None else steps
    losses, order = torch.zeros(steps, dtype=row.dtype), torch.zeros(steps, dtype=torch.int64)
    live = torch.ones_like(row, dtype=torch.bool)
    for step in range(steps):
        scores = torch.where(live, row**2 / inverse.diagonal(), torch.inf)
        at = int(scores.argmin())
        losses[step], order[step] = scores[at], at
        row -= row[at] / inverse[at, at] * inverse[at]
        inverse -= torch.outer(inverse[:, at], inverse[at]) / inverse[at, at]
        inverse[at, at] = 1  # it is removed; no more division by 0
        live[at] = False
        row[at] = 0
    return losses.cummax(dim=0).values if steps else losses, order, row


def _share(count: int, groups: int, group: int) -> int:
    """How many of the weights that are kept lie in a group of a convolution."""
    return count * (group + 1) // groups - count * group // groups
