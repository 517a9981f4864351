from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from benchmark import Count, Inapplicable, NofM, Positive, Run, Target, algorithm, keep_each

from ._layerwise import Finetune, fine_tune, replaced, train_if_drawn
from ._obs import Rows, counts_of

WIDEST = 1024
"""Columns of the widest layer; the cost grows with their cube."""

PANEL = 64
"""Steps whose changes of the inverse are made in one product, which also leaves out the columns that were removed."""

AT_ONCE = 2**24
"""The most entries of the inverses that are held at once: 128 MiB in float64."""


@algorithm(paper="arXiv:2208.11580", trains_once=False, family="after training")
def obc(run: Run, *, batches: Count = 8, damping: Positive = 0.01, finetune: Finetune = 0.0) -> None:
    """OBC: remove the weight that costs least, correct the rest of its row, repeat (Frantar et al., 2022).

    This is the exact greedy solution, for small layers. All layers keep the same share, and each is fed by layers that
    are pruned already. A network that comes trained is pruned at once; else it is trained first. The authors' code
    (IST-DASLab/OBC) sorts the losses of all steps, so that cheap steps count that need a dear one before; here they
    wait for it, as in the greedy order over all rows.

    Options:
        batches: training batches in every look at inputs; the authors use 1,024 images, the same for all layers
        damping: added to the diagonal of X X^T, as a share of its mean
    """
    train_if_drawn(run)
    for name, count in counts_of(run, "obc").items():
        layer = Rows.of(run.weights[name], run.gram(batches, [name])[name], damping, run.target)
        if len(layer.order) > WIDEST:
            raise Inapplicable(f"'{name}' has {len(layer.order):,} columns; 'obc' takes {WIDEST:,}; take sparsegpt")
        weights, kept = removed(layer, count, run.target)
        run.prune(replaced(run.masks, {name: layer.shaped(kept)}))
        run.write({name: layer.shaped(weights)})
    fine_tune(run, finetune)


def removed(layer: Rows, count: int, target: Target) -> tuple[Tensor, Tensor]:
    """The corrected weights of a layer, and which of them are kept; both [groups, rows, columns].

    Every row is pruned to nothing, and the losses of all rows together say how many steps each of them makes; under N:M
    it is pruned as far as the pattern asks, and all steps are made. What is left of a row then is the least squares
    solution, which the steps would have led to.

    Args:
        count: weights that are kept; under N:M the pattern says it.
    """
    kept, weights = torch.ones_like(layer.weights, dtype=torch.bool), torch.zeros_like(layer.weights)
    competing, most = removable(layer, target)
    traces = [traced(rows, matrix, competing, most) for rows, matrix in zip(layer.weights, layer.inverse, strict=True)]
    losses = torch.stack([losses for losses, _ in traces])
    unmade = 0 if isinstance(target.pattern, NofM) else count
    steps = (~keep_each({"": losses}, {"": unmade})[""]).sum(dim=2)
    for group, (_, order) in enumerate(traces):
        for number, row in enumerate(layer.weights[group]):
            mask = kept[group, number]
            mask[order[number, : steps[group, number]]] = False
            weights[group, number, mask] = solved(row, layer.hessian[group], mask)
    return weights, kept


def removable(layer: Rows, target: Target) -> tuple[int, int]:
    """How many consecutive columns compete, and how many of them can be removed in a row."""
    if isinstance(target.pattern, NofM):
        m = target.pattern.m
        return m, m - round(target.density * m)
    return len(layer.order), len(layer.order)


def traced(rows: Tensor, inverse: Tensor, competing: int, most: int) -> tuple[Tensor, Tensor]:
    """Remove weights of every row one by one.

    Returns the losses up to each step, and the columns in their order; both [rows, steps]. Losses are made to rise: a
    step that costs less than one before it cannot be made without that.

    Args:
        rows: float64 [rows, columns].
        inverse: of the Hessian, float64 [columns, columns].
        competing: consecutive columns of which `most` are removed in each row.
    """
    parts = []
    for some in torch.split(rows, max(1, AT_ONCE // inverse.numel())):
        rest, steps = Rest.of(some, inverse, competing, most), rows.shape[1] // competing * most
        panels = [rest.removed(min(PANEL, steps - first)) for first in range(0, max(steps, 1), PANEL)]
        parts.append([torch.cat(values, dim=1) for values in zip(*panels, strict=True)])
    losses, order = (torch.cat(values) for values in zip(*parts, strict=True))
    return losses.cummax(dim=1).values, order


@dataclass
class Rest:
    """What is left of some rows while weights are removed, equally many of each.

    Args:
        weights: corrected for what was removed, [rows, left].
        inverse: of the Hessian of what is left, [rows, left, left].
        columns: the columns that are left, int64 [rows, left].
        competing: consecutive columns that compete.
        quota: how many of these can still be removed, int64 [rows, columns / competing].
    """

    weights: Tensor
    inverse: Tensor
    columns: Tensor
    competing: int
    quota: Tensor

    @classmethod
    def of(cls, rows: Tensor, inverse: Tensor, competing: int, most: int) -> Self:
        """Whole rows."""
        columns = torch.arange(rows.shape[1], device=rows.device).expand(rows.shape)
        quota = torch.full_like(columns[:, ::competing], most)
        return cls(rows, inverse.expand(len(rows), -1, -1), columns, competing, quota)

    def removed(self, steps: int) -> tuple[Tensor, Tensor]:
        """Remove `steps` weights of each row; return their losses and their columns, [rows, steps]."""
        groups, each = self.columns // self.competing, torch.arange(len(self.weights))
        diagonal, live = self.inverse.diagonal(dim1=1, dim2=2).clone(), torch.ones_like(groups, dtype=torch.bool)
        changes = self.weights.new_zeros(len(self.weights), steps, self.weights.shape[1])
        losses, places = changes[:, :, 0].clone(), groups.new_zeros(len(groups), steps)
        for step in range(steps):
            free = live & (self.quota.gather(1, groups) > 0)
            losses[:, step], at = torch.where(free, self.weights**2 / diagonal, torch.inf).min(dim=1)
            places[:, step] = at
            before = torch.bmm(changes[each, None, :step, at], changes[:, :step])[:, 0]
            changes[:, step] = change = (self.inverse[each, at] - before) / diagonal[each, at, None].sqrt()
            self.weights = self.weights - self.weights[each, at, None] / change[each, at, None] * change
            diagonal, live[each, at] = diagonal - change**2, False
            self.quota[each, groups[each, at]] -= 1
        columns = self.columns.gather(1, places)
        self._leave(live, changes)
        return losses, columns

    def _leave(self, live: Tensor, changes: Tensor) -> None:
        """Leave out what was removed, and subtract the outer products of the changes from the inverse of the rest."""
        at, each = live.nonzero()[:, 1].view(len(live), -1), torch.arange(len(live))[:, None, None]
        self.weights, self.columns = self.weights.gather(1, at), self.columns.gather(1, at)
        changes = changes.gather(2, at[:, None].expand(-1, changes.shape[1], -1))
        self.inverse = self.inverse[each, at[:, :, None], at[:, None]].baddbmm_(changes.mT, changes, alpha=-1)


def solved(row: Tensor, hessian: Tensor, mask: Tensor) -> Tensor:
    """The weights of a row that are kept, with the least error for those that are not."""
    left: Tensor = torch.linalg.solve(hessian[mask][:, mask], hessian[mask] @ row)
    return left
