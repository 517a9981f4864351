import torch
from torch import Tensor

from benchmark import Amount, Channels, Run, algorithm, keep_units
from benchmark.scores import Tensors

from ._channels import belonging, channels, spread, squares


@algorithm(paper="arXiv:2301.12900", trains_once=False, family="after training", only="channels")
def group_norm(run: Run, *, penalty: Amount = 5e-4, contrast: Amount = 4.0) -> None:
    """Group norm: shrink all that belongs to a channel, the weakest most, then prune (DepGraph; Fang et al., 2023).

    I is the sum of squares over all weights and scales that belong to a channel. While the network is trained, each of
    them decays by penalty * 2^(contrast * (a - sqrt I) / (a - b)), where a and b are the largest and the smallest
    sqrt I of the layer. Channels then rank by I over the mean of their layer, in the whole network, and
    what is left is trained by the whole recipe again, from the weights that it has.

    Options:
        penalty: decay of the strongest channel of a layer, besides that of the recipe; 5e-4 is the authors' for
            ResNet-56 on CIFAR-10 (VainF/Torch-Pruning, benchmarks/scripts/prune/cifar/group_pruner.sh)
        contrast: the weakest channel of a layer decays 2^contrast times as much
    """
    pattern = channels(run)
    for step in run.steps():
        parameters = run.parameters
        for name, decay in decays(parameters, pattern, contrast).items():
            step.grads[name].add_((decay * parameters[name].cpu()).to(step.grads[name]), alpha=penalty)
    run.prune(keep_units(importance(run.parameters, pattern), run.target, run.masks))
    run.rewind(0)
    run.train()


def decays(parameters: Tensors, pattern: Channels, contrast: float) -> dict[str, Tensor]:
    """How strongly each weight and scale decays: the sum over the channels that it belongs to, on the CPU."""
    strength, length = torch.empty(len(pattern.layers), dtype=torch.float64), squares(parameters, pattern).sqrt()
    for layer in torch.unique(pattern.layers):
        inside = pattern.layers == layer
        behind = length[inside].max() - length[inside]
        strength[inside] = 2 ** (contrast * behind / behind.max().clamp_min(torch.finfo(behind.dtype).tiny))
    return {
        name: sum((spread(strength, numbers) for numbers in several), start=torch.zeros(()))
        for name, several in belonging(pattern).items()
        if name in parameters
    }


def importance(parameters: Tensors, pattern: Channels) -> Tensor:
    """The sum of squares of every channel over the mean of its layer: float64 [channels]."""
    total = squares(parameters, pattern)
    for layer in torch.unique(pattern.layers):
        inside = pattern.layers == layer
        total[inside] = total[inside] / total[inside].mean().clamp_min(torch.finfo(total.dtype).tiny)
    return total
