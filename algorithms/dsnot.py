from typing import Literal

import torch
from torch import Tensor

from benchmark import Amount, Count, NofM, Run, algorithm

from ._layerwise import Finetune, fine_tune, keep_in_layer, product, replaced, train_if_drawn, within_outputs
from ._obs import Rows, counts_of

First = Literal["wanda", "magnitude", "sparsegpt"]

DAMPING = 0.01
"""Of SparseGPT's Hessian, as a share of the mean of its diagonal."""


@algorithm(paper="arXiv:2310.08915", trains_once=False, family="after training")
def dsnot(
    run: Run,
    *,
    first: First = "wanda",
    batches: Count = 8,
    cycles: Count = 50,
    threshold: Amount = 5e-5,
    finetune: Finetune = 0.0,
) -> None:
    """DSnoT: after pruning, swap weights until the mean of every output is what it was (Zhang et al., 2024).

    The error of an output is the sum of w mean(x) over its pruned weights. In each cycle the pruned weight with the
    largest w mean(x) / var(x) of the error's sign comes back, and of those whose removal lowers the error, too, the
    one with the smallest |w| |x| goes; under N:M the one of the same group with the smallest first score. An output is
    left when its error would change sign: the released code looks at this under N:M alone by default
    (`without_same_sign`), and goes on to the last cycle otherwise, which narrow layers do not survive. No weight is
    moved twice, and none is corrected. All layers keep the same share, all outputs of a layer, too, and each layer is
    fed by layers that are pruned already.

    Options:
        first: what the first masks keep, within each output: |w| |x| (Wanda), |w|, or SparseGPT's w^2 / U^2
        batches: training batches whose inputs are looked at; the authors use 128 sequences
        cycles: the most swaps of an output; 50 is the authors' (zyxxmu/DSnoT, main.py)
        threshold: swaps of an output end at this error. The authors' is 0.1 for a sum over 2,048 words, which is 5e-5
            for their mean
    """
    train_if_drawn(run)
    for name, count in counts_of(run, "dsnot").items():
        weight, (means, squares) = run.weights[name], run.moments(batches, order=(1, 2))[name]
        scores = {"wanda": product(weight, squares), "magnitude": weight.abs()}.get(first)
        if scores is None:
            scores = losses(Rows.of(weight, run.gram(batches, [name])[name], DAMPING, run.target))
        kept, groups = keep_in_layer(run, name, within_outputs(scores), count), groups_of(weight, run)
        sizes = product(weight, squares) if groups is None else scores
        spread = (squares - means**2).clamp_min(torch.finfo(weight.dtype).eps * squares)
        change, spread, sizes = (value.double().flatten(1) for value in (weight * means, spread, sizes))
        mask = swapped(kept.flatten(1), change, spread, sizes, cycles, threshold, groups)
        run.prune(replaced(run.masks, {name: mask.view_as(weight)}))
    fine_tune(run, finetune)


def swapped(
    kept: Tensor, change: Tensor, spread: Tensor, sizes: Tensor, cycles: int, threshold: float, groups: Tensor | None
) -> Tensor:
    """The mask after at most `cycles` swaps of every row; all tensors are [rows, columns].

    Args:
        change: w mean(x), what each weight adds to the mean of the output.
        spread: var(x).
        sizes: scores by which weights are removed, the smallest first.
        groups: int64 [columns]; weights are swapped with others of their group alone. None for no groups.
    """
    kept, moved, error = kept.clone(), torch.zeros_like(kept), (change * ~kept).sum(dim=1)
    active, rows, sign = (
        torch.ones_like(error, dtype=torch.bool),
        torch.arange(len(kept), device=kept.device),
        error.sign(),
    )
    for _ in range(cycles):
        toward = error.sign()[:, None] * change
        gain, back = (toward / spread).masked_fill(kept | moved, -torch.inf).nan_to_num(nan=-torch.inf).max(dim=1)
        free = kept & ~moved & (toward < 0 if groups is None else groups == groups[back][:, None])
        cost, gone = sizes.masked_fill(~free, torch.inf).min(dim=1)
        after = error - change[rows, back] + change[rows, gone]
        active &= (error.abs() > threshold) & (gain > 0) & cost.isfinite() & (after.sign() == sign)
        for places, value in ((back, True), (gone, False)):
            kept[rows[active], places[active]] = value
            moved[rows[active], places[active]] = True
        error = torch.where(active, after, error)
    return kept


def groups_of(weight: Tensor, run: Run) -> Tensor | None:
    """The number of the group that each column is in under N:M; None under other patterns."""
    if not isinstance(run.target.pattern, NofM):
        return None
    inputs, kernel = weight.shape[1], weight[0, 0].numel()
    at, within = (torch.arange(count, device=weight.device) for count in (inputs, kernel))
    return (at[:, None] // run.target.pattern.m * kernel + within).flatten()


def losses(layer: Rows) -> Tensor:
    """SparseGPT's scores before any correction: (w / U_cc)^2, where U is the upper Cholesky factor of H^-1."""
    diagonal = torch.linalg.cholesky(layer.inverse, upper=True).diagonal(dim1=1, dim2=2)[:, None]
    return layer.shaped((layer.weights / diagonal) ** 2)
