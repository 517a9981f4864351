from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchmark import Positive, Run, Sparsity, algorithm, keep_top
from benchmark.scores import Tensors, magnitude

Steps = Annotated[int, Field(ge=0, description="whole number >= 0")]


@algorithm(paper="arXiv:2202.08132", family="before training")
def prospr(
    run: Run, *, steps: Steps = 3, rate: Positive = 0.1, momentum: Sparsity = 0.0, first_order: bool = False
) -> None:
    """ProsPr: keep the weights whose gates the loss after some steps is most sensitive to (Alizadeh et al., 2022).

    Gates c = 1 multiply the initial weights once. Everything that is trained then takes steps of SGD, each on another
    batch, and the score is |dL/dc| of the loss on one more batch. Without steps that is SNIP. Training starts from the
    initial weights. All steps are in one autograd graph, which takes as much memory as steps + 1 batches. In the
    authors' code the first momentum is cut from that graph (mil-ad/prospr, prospr.py); here it is not.

    Options:
        steps: number of inner steps
        rate: learning rate of the inner steps
        momentum: momentum of the inner steps
        first_order: take the gradients of the inner steps for constants, so that no second derivatives are needed
    """
    run.prune(keep_top(magnitude(meta_gradients(run, steps, rate, momentum, first_order)), run.target))
    run.train()


def meta_gradients(run: Run, steps: int, rate: float, momentum: float, first_order: bool) -> dict[str, Tensor]:
    """The gradient, with respect to gates on the weights, of the loss after `steps` steps of SGD."""
    weights = run.weights
    gates = {name: torch.ones_like(weight, requires_grad=True) for name, weight in weights.items()}
    values: Tensors = {name: value.requires_grad_() for name, value in run.parameters.items()}
    values = {**values, **{name: weight * gates[name] for name, weight in weights.items()}}
    speed = {name: torch.zeros_like(value) for name, value in values.items()}
    *inner, outer = run.batches(steps + 1)
    for batch in inner:
        slopes = torch.autograd.grad(run.loss(batch, values), list(values.values()), create_graph=not first_order)
        speed = {name: momentum * speed[name] + slope for name, slope in zip(values, slopes, strict=True)}
        values = {name: value - rate * speed[name] for name, value in values.items()}
    found = torch.autograd.grad(run.loss(outer, values), list(gates.values()))
    return dict(zip(gates, found, strict=True))
