import torch
from torch import Tensor

from benchmark import Count, Masks, Positive, Run, algorithm, keep_top
from benchmark.scores import Tensors, magnitude


@algorithm(paper="arXiv:2304.02840", family="before training")
def ntk_sap(run: Run, *, rounds: Count = 20, repeats: Count = 1, epsilon: Positive = 0.01) -> None:
    """NTK-SAP: keep the weights that the neural tangent kernel is most sensitive to (Wang, Li & Sun, 2023).

    With gates m on the weights, the kernel's nuclear norm is estimated by how far noise on them moves the outputs,
    J = sum |f(x; m w) - f(x; m (w + epsilon z))|^2, and the score is |dJ/dm| (eq. 7). Inputs x are Gaussian, and
    weights w are drawn anew for every term of the sum: neither data nor the network's own weights are used. Inputs that
    are no floating-point numbers, such as tokens, are those of training batches. Norm layers use the statistics of x.

    Options:
        rounds: steps of the geometric density schedule
        repeats: draws of weights, noise and a batch of inputs in every round; the authors take 5 on CIFAR-10
        epsilon: size of the noise on the weights
    """
    masks = run.masks
    for done in range(1, rounds + 1):
        names = [f"ntk-sap {done} {number}" for number in range(repeats)]
        slopes = sensitivities(run, masks, names, epsilon)
        masks = keep_top(magnitude(slopes), run.target.at_progress(done / rounds), among=masks)
    run.prune(masks)
    run.train()


def sensitivities(run: Run, masks: Masks, names: list[str], epsilon: float) -> Tensors:
    """The gradient of J with respect to the gates, summed over the draws of the network with these names; 0 of pruned
    weights."""
    gates = {name: mask.float().requires_grad_() for name, mask in masks.items()}
    sums = {name: torch.zeros_like(gate) for name, gate in gates.items()}
    for name in names:
        found = torch.autograd.grad(distance(run, gates, name, epsilon), list(gates.values()))
        for gated, slope in zip(gates, found, strict=True):
            sums[gated] += slope * masks[gated]
    return sums


def distance(run: Run, gates: Tensors, name: str, epsilon: float) -> Tensor:
    """J for the network that is drawn from the random stream `name`, differentiable in the gates."""
    (batch,), seed = run.batches(1), int(torch.randint(2**31, (), generator=run.rng))
    state = run.redraw(name).state
    gated = {name: state[name] * gate for name, gate in gates.items()}
    noisy = {name: (state[name] + epsilon * normal(state[name], run.rng)) * gate for name, gate in gates.items()}
    settled = {**state, **run.statistics([batch], {**state, **gated}, noise=seed)}
    one, other = (run.outputs(batch, {**settled, **weights}, noise=seed) for weights in (gated, noisy))
    return (one - other).square().sum()


def normal(like: Tensor, rng: torch.Generator) -> Tensor:
    """Standard normal numbers of the same shape, drawn on the CPU so that every device gets the same."""
    return torch.randn(like.shape, generator=rng).to(like)
