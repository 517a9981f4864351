import torch

from benchmark import Anywhere, Count, Inapplicable, Masks, Positive, Run, algorithm, keep_each, weights_per_layer


@algorithm(paper="arXiv:2301.00774", trains_once=False, family="after training")
def my_sparsegpt(run: Run, *, batches: Count = 8, damping: Positive = 0.01) -> None:
    """SparseGPT: prune column by column, and correct those to the right for the error (Frantar & Alistarh, 2023).

    Options:
        batches: training batches in every look at inputs
        damping: added to the diagonal of X X^T, as a share of its mean
    """
    if not isinstance(run.target.pattern, Anywhere):
        raise Inapplicable("my-sparsegpt compares weights of a block of columns; ask for --pattern global")
    if not run.trained:
        run.train()
    counts = weights_per_layer("uniform", {name: mask.shape for name, mask in run.masks.items()}, run.target.density)
    for name, count in counts.items():
        hessian = run.gram(batches, [name])[name]
        if len(hessian) > 1:
            raise Inapplicable(f"my-sparsegpt knows no convolution in groups, and {name} is one")
        rows, hessian = run.weights[name].flatten(1).double(), hessian[0]
        hessian.diagonal().add_(damping * hessian.diagonal().mean())
        inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
        kept, columns = torch.ones_like(rows, dtype=torch.bool), rows.shape[1]
        for first in range(0, columns, 128):
            last = min(first + 128, columns)
            losses = {"": (rows[:, first:last] / inverse.diagonal()[first:last]) ** 2}
            share = count * last // columns - count * first // columns
            kept[:, first:last] = keep_each(run.target.oriented(losses), {"": share})[""]
            for at in range(first, last):
                error = rows[:, at] * ~kept[:, at] / inverse[at, at]
                rows[:, at:] -= error[:, None] * inverse[at, at:]
        weight = run.weights[name]
        run.prune(Masks({**run.masks, name: kept.view_as(weight)}))
        run.write({name: (rows * kept).view_as(weight).to(weight.dtype)})
