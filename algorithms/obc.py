import torch
from torch import Tensor

from benchmark import Count, Inapplicable, NofM, Positive, Run, algorithm, keep_each

from ._layerwise import Finetune, fine_tune, replaced, train_if_drawn
from ._obs import Rows, counts_of

WIDEST = 1024
"""Columns of the widest layer; the cost grows with their cube."""

COMPACT = 64
"""Steps between two times that the matrix is made smaller."""


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

    Every row is pruned to nothing, and the losses of all rows together say how many steps each of them makes. What is
    left of it then is the least squares solution, which the steps would have led to.
    """
    kept, weights = torch.ones_like(layer.weights, dtype=torch.bool), torch.zeros_like(layer.weights)
    traces = [[trace(row, inverse) for row in rows] for rows, inverse in zip(layer.weights, layer.inverse, strict=True)]
    losses = torch.stack([torch.stack([losses for losses, _ in rows]) for rows in traces])
    steps = (~keep_each({"": losses}, {"": count})[""]).sum(dim=2)
    for group, rows in enumerate(traces):
        hessian = layer.hessian[group]
        for number, (_, order) in enumerate(rows):
            mask = kept[group, number]
            mask[order[: steps[group, number]]] = False
            weights[group, number, mask] = solved(layer.weights[group, number], hessian, mask)
    return weights, kept


def trace(row: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Remove all weights of a row one by one: the losses up to each step, and the positions in their order.

    Losses are made to rise: a step that costs less than one before it cannot be made without that.
    """
    losses, order = torch.zeros_like(row), torch.zeros(len(row), dtype=torch.int64)
    places, live = torch.arange(len(row)), torch.ones_like(row, dtype=torch.bool)
    for step in range(len(order)):
        if step % COMPACT == 0:  # rows and columns of removed weights cost time
            row, inverse, places, live = row[live], inverse[live][:, live], places[live], live[live]
        scores = torch.where(live, row**2 / inverse.diagonal(), torch.inf)
        at = int(scores.argmin())
        losses[step], order[step] = scores[at], places[at]
        column = inverse[:, at] / inverse[at, at]
        row = row - row[at] * column
        inverse.addr_(column, inverse[at].clone(), alpha=-1)
        inverse[at, at], live[at] = 1, False  # it is removed; no more division by 0
    return losses.cummax(dim=0).values, order


def solved(row: Tensor, hessian: Tensor, mask: Tensor) -> Tensor:
    """The weights of a row that are kept, with the least error for those that are not."""
    left: Tensor = torch.linalg.solve(hessian[mask][:, mask], hessian[mask] @ row)
    return left
