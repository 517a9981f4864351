from torch import Tensor

from benchmark import Amount, Masks, Run, algorithm, keep_top
from benchmark.scores import Tensors, magnitude

from ._masked import frozen, straight_through


@algorithm(paper="arXiv:2102.04010", trains_once=False, family="during training")
def sr_ste(run: Run, *, decay: Amount = 2e-4) -> None:
    """SR-STE: train all weights through the mask of the largest, found anew in every forward (Zhou et al., 2021).

    Masked weights are still trained: they receive the gradient of their position, and extra decay. The paper uses
    `--pattern 2:4` with groups in a kernel's memory layout; here groups lie along the input channels.

    Options:
        decay: extra weight decay of the currently masked weights, besides that of the recipe
    """

    masks: dict[str, Tensor] = {}  # of the last forward pass
    fixed = frozen(run)

    def used(parameters: Tensors) -> Masks:
        return keep_top(magnitude({name: {**fixed, **parameters}[name].detach() for name in run.masks}), run.target)

    def masked(parameters: Tensors) -> Tensors:
        masks.update(used(parameters))
        return straight_through({**fixed, **parameters}, masks)

    with run.learning(run.parameters, masked) as parameters:
        for step in run.steps():
            for name in masks.keys() - fixed.keys():
                step.grads[name].add_(parameters[name].detach() * ~masks[name], alpha=decay)
    run.write({name: value.detach() for name, value in parameters.items()})
    run.prune(used(parameters))
