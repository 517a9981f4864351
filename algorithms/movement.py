from torch import Tensor

from benchmark import Amount, Fraction, Run, algorithm, keep_top, noise
from benchmark.schedules import cubic, progress, window
from benchmark.scores import Tensors

from ._masked import frozen, straight_through


@algorithm(paper="arXiv:2005.07683", trains_once=False, family="during training")
def movement(run: Run, *, pretrain: Amount = 1.0, begin: Fraction = 0.1, end: Fraction = 0.8) -> None:
    """Movement: keep the weights that training moves away from 0 (Sanh, Wolf & Rush, 2020).

    A trained network is trained again through the mask of the largest S = - sum of rate w dL/dw', where w' is what the
    network computes with (hard movement pruning). The gradient of w' is known for masked weights, too, so that
    their S moves on, while they only decay. The paper ranks each matrix by itself, which is `--pattern layer`; the
    authors train S by AdamW (huggingface/block_movement_pruning), here it is the sum of the paper's analysis.

    Options:
        pretrain: length of the training before, as a multiple of a training; 0 prunes from the start
        begin: until when all weights are used, as a share of the second training
        end: when the target is reached along a cubic, as a share of the second training
    """
    run.train(round(pretrain * run.recipe.steps))
    fixed, (first, last) = frozen(run), window(begin, end, run.recipe.steps)
    scores = {name: 1e-12 * draw for name, draw in noise(run.weights, run.rng).items()}  # no ties before S moves
    used = run.masks

    def masked(parameters: Tensors) -> Tensors:
        nonlocal used
        reached = min(max(progress(run.clock, first, last), 0.0), 1.0)
        density = min(1.0, cubic(1.0, run.target.density, reached))
        used = keep_top(scores, run.target.with_density(density))
        return straight_through({**fixed, **parameters}, used)

    with run.learning(run.parameters, masked) as parameters:
        for step in run.steps():
            for name in used.keys() - fixed.keys():
                move(scores[name], parameters[name].detach(), step.grads[name], run.recipe.rate_at(step.index))
                step.grads[name].mul_(used[name])
    run.write({name: value.detach() for name, value in parameters.items()})
    run.prune(keep_top(scores, run.target))


def move(score: Tensor, weight: Tensor, gradient: Tensor, rate: float) -> None:
    """Add a step's movement to a score: - rate w dL/dw'. It grows where the weight moves away from 0."""
    score.sub_(rate * weight * gradient)
