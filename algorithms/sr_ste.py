from torch import Tensor

from benchmark import Amount, Masks, Run, algorithm, keep_top
from benchmark.scores import Tensors, magnitude

from ._learned import put


@algorithm(paper="arXiv:2102.04010", trains_once=False, family="during training")
def sr_ste(run: Run, *, decay: Amount = 2e-4) -> None:
    """SR-STE: train all weights through the mask of the largest, found anew in every forward (Zhou et al., 2021).

    What is masked lives on behind the mask: it takes the gradient of its place, and shrinks. Theirs is `--pattern 2:4`
    with groups in a kernel's own layout; here they lie along the input channels.

    Options:
        decay: of the weights that are masked at the moment, beside what the recipe asks of all
    """

    masks: dict[str, Tensor] = {}  # of the last forward

    def used(parameters: Tensors) -> Masks:
        return keep_top(magnitude({name: parameters[name].detach() for name in run.masks}), run.target)

    def masked(parameters: Tensors) -> Tensors:
        masks.update(used(parameters))
        return straight_through(parameters, masks)

    with run.learning(run.parameters, masked) as parameters:
        for step in run.steps():
            for name, mask in masks.items():
                step.grads[name].add_(parameters[name].detach() * ~mask, alpha=decay)
    put(run, {name: value.detach() for name, value in parameters.items()})
    run.prune(used(parameters))


def straight_through(parameters: Tensors, used: Tensors) -> dict[str, Tensor]:
    """The used weights, and all that no mask is for; the gradient of a weight is that of its place."""
    hidden = {name: (parameters[name] * ~mask).detach() for name, mask in used.items()}
    return {name: value - hidden[name] if name in hidden else value for name, value in parameters.items()}
