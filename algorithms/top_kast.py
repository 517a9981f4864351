import torch
from torch import Tensor

from benchmark import Amount, Count, Masks, Run, Sparsity, algorithm, keep_top
from benchmark.scores import Tensors, magnitude

from ._masked import frozen, straight_through


@algorithm(paper="arXiv:2106.03517", trains_once=False, family="during training")
def top_kast(run: Run, *, backward: Sparsity = 0.5, interval: Count = 1, penalty: Amount = 1e-4) -> None:
    """Top-KAST: compute with the largest weights, update some more of them, and hold the rest (Jayakumar et al., 2020).

    The weights that a forward pass uses are in set A, those that the backward pass updates in B, which holds A. All
    others keep their values: what momentum and weight decay would do to them is undone. The network counts as dense in
    operations, since the meter knows one mask for both passes.

    Options:
        backward: sparsity of B; the target's, where that is lower
        interval: steps between two choices of A and B
        penalty: strength of the pull to 0 besides the recipe's weight decay: w for weights in A, and w over the density
            of A for those in B alone, as in the paper
    """
    fixed, density = frozen(run), run.target.density
    larger = run.target.with_density(max(density, 1 - backward))
    used, updated = run.masks, run.masks
    held: dict[str, Tensor] = {}

    def masked(parameters: Tensors) -> Tensors:
        nonlocal used, updated
        hold(parameters, held, updated)
        if run.clock % interval == 0:
            scores = magnitude({name: {**fixed, **parameters}[name] for name in run.masks})
            used, updated = keep_top(scores, run.target), keep_top(scores, larger)
        held.update({name: parameters[name].detach().clone() for name in run.masks.keys() - fixed.keys()})
        return straight_through({**fixed, **parameters}, used)

    with run.learning(run.parameters, masked) as parameters:
        for step in run.steps():
            for name, weight in held.items():
                step.grads[name].add_(penalty * pull(weight, used[name], density)).mul_(updated[name])
        hold(parameters, held, updated)
    run.write({name: value.detach() for name, value in parameters.items()})
    run.prune(keep_top(magnitude(run.weights), run.target))


def hold(parameters: Tensors, held: Tensors, updated: Masks) -> None:
    """Give weights outside B the values that they had in the last forward pass."""
    with torch.no_grad():
        for name, value in held.items():
            parameters[name].copy_(torch.where(updated[name], parameters[name], value))


def pull(weight: Tensor, used: Tensor, density: float) -> Tensor:
    """The gradient of the penalty, without its strength: w in A, w / density outside."""
    return torch.where(used, weight, weight / density)
