from typing import Literal

import torch

from algorithms._scores import magnitude
from benchmark import Count, Positive, Run, algorithm, keep_top


@algorithm(paper="arXiv:2002.07376", family="before training")
def grasp(
    run: Run,
    *,
    samples: Count = 10,
    temperature: Positive = 200.0,
    rank: Literal["signed", "magnitude"] = "signed",
    reinit: bool = False,
) -> None:
    """GraSP: remove the weights whose removal keeps, or raises, the gradient's flow (Wang, Zhang & Grosse, 2020).

    S = -w (Hg); the largest S go first (eq. 8).

    Options:
        samples: examples of each class in the batch that is scored
        temperature: what the outputs are divided by before the loss
        rank: by S with its sign, as the paper, or by |S|, which Frankle et al. (2021) found stronger
        reinit: score another draw of the linear layers than is trained, as the original code does
    """
    batch, weights = run.balanced_batch(samples), run.weights
    if reinit:
        another = run.redraw().state
        weights = {name: another[name].clone() if w.dim() == 2 else w for name, w in weights.items()}
    leaves = [weight.requires_grad_() for weight in weights.values()]
    gradients = torch.autograd.grad(run.loss(batch, weights, temperature=temperature), leaves, create_graph=True)
    flow = torch.stack([(gradient * gradient.detach()).sum() for gradient in gradients]).sum()
    products = torch.autograd.grad(flow, leaves)  # Hg: the gradient of g'g with one factor held fixed
    kept = {name: (w * hg).detach() for (name, w), hg in zip(weights.items(), products, strict=True)}  # -S
    run.prune(keep_top(kept if rank == "signed" else magnitude(kept), run.target))
    run.train()
