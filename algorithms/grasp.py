from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Literal

import torch
from torch import Tensor

from benchmark import Absent, Count, Part, Positive, Run, algorithm, keep_top
from benchmark.scores import magnitude

from ._norms import Norms, matter

CHUNK = 128
"""Largest number of examples whose autograd graph is in memory at once."""


@algorithm(paper="arXiv:2002.07376", family="before training")
def grasp(
    run: Run,
    *,
    samples: Count = 10,
    temperature: Positive = 200.0,
    rank: Literal["signed", "magnitude"] = "signed",
    reinit: bool = False,
    norms: Annotated[Norms, Absent("batch", matters=matter)] = "batch",
) -> None:
    """GraSP: remove the weights whose removal keeps, or raises, the gradient's flow (Wang, Zhang & Grosse, 2020).

    The scores are S = -w (Hg); weights with the largest S are pruned (eq. 8).

    Options:
        samples: training examples per class that the scores are computed on; 10 is that of the authors' configurations
            for CIFAR alone, the default of their function is 25
        temperature: divisor of the outputs in the loss; 200 is the default of the authors' function
        rank: rank by S with its sign, as in the paper, or by |S|, which Frankle et al. (2021) found stronger
        reinit: score another draw of the linear layers than is trained, as the original code does (which draws it
            from Glorot's normal distribution; here the task's own initialisation is used)
        norms: statistics of norm layers for the scores: of the batch, as the authors score in training mode
            (alecwangcq/GraSP, pruner/GraSP.py: `.eval()` is commented out); or running, as Tanaka et al. (2020) do
    """
    parts, weights = run.balanced(samples, most=CHUNK), run.weights
    if reinit:
        another = run.redraw().state
        weights = {name: another[name].clone() if w.dim() == 2 else w for name, w in weights.items()}
    leaves = [weight.requires_grad_() for weight in weights.values()]
    products = hessian_gradient(
        lambda part: run.loss(part, weights, temperature=temperature, norms=norms), parts, leaves
    )
    kept = {name: (w * hg).detach() for (name, w), hg in zip(weights.items(), products, strict=True)}  # -S
    run.prune(keep_top(kept if rank == "signed" else magnitude(kept), run.target))
    run.train()


def hessian_gradient(
    loss: Callable[[Part], Tensor], parts: Sequence[Part], leaves: Sequence[Tensor]
) -> Sequence[Tensor]:
    """Return Hg for a loss that is a sum over parts, computed part by part as the gradient of g'g with one g fixed."""
    whole: Sequence[Tensor] = []
    if len(parts) > 1:  # with a single part, the pass below already computes g
        whole = _sum(torch.autograd.grad(loss(part), leaves) for part in parts)

    def product(part: Part) -> Sequence[Tensor]:
        gradients = torch.autograd.grad(loss(part), leaves, create_graph=True)
        fixed = whole or [gradient.detach() for gradient in gradients]
        flow = torch.stack([(g * constant).sum() for g, constant in zip(gradients, fixed, strict=True)]).sum()
        return torch.autograd.grad(flow, leaves)

    return _sum(map(product, parts))


def _sum(parts: Iterable[Sequence[Tensor]]) -> Sequence[Tensor]:
    """Sum lists of tensors elementwise, with one part in memory at a time."""
    parts = iter(parts)
    total = next(parts)
    for part in parts:
        for tensor, more in zip(total, part, strict=True):
            tensor.add_(more)
    return total
