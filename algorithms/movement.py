from typing import Annotated

import torch
from torch import Tensor

from benchmark import Absent, Amount, Fraction, Masks, Run, Target, algorithm, keep_top, noise
from benchmark.schedules import cubic, progress, window
from benchmark.scores import Tensors

from ._descent import Adam
from ._masked import frozen, straight_through

LEVEL, RATE = 0.1, 0.01
"""Of soft movement: the threshold of sigmoid(S) in the end, and Adam's learning rate of S."""


@algorithm(paper="arXiv:2005.07683", trains_once=False, family="during training")
def movement(
    run: Run,
    *,
    pretrain: Amount = 1.0,
    begin: Fraction = 0.1,
    end: Fraction = 0.8,
    soft: Annotated[bool, Absent(False)] = False,
    penalty: Annotated[Amount, Absent(10.0)] = 10.0,
) -> None:
    """Movement: keep the weights that training moves away from 0 (Sanh, Wolf & Rush, 2020).

    A trained network is trained again through the mask of the largest S = - sum of rate w dL/dw', where w' is what the
    network computes with (hard movement pruning). The gradient of w' is known for masked weights, too, so that
    their S moves on, while they only decay. The paper ranks each matrix by itself, which is `--pattern layer`; the
    authors train S by AdamW (huggingface/block_movement_pruning), here it is the sum of the paper's analysis.

    Soft movement pruning uses all weights with sigmoid(S) above a threshold that rises to 0.1; S is trained by Adam at
    0.01, as by the authors, on the loss plus a penalty. How many weights are left follows from the penalty. From `end`
    on the threshold is the one that leaves exactly as many as are asked; before, no fewer than these are used. The
    record notes the share of weights that would have been left (`above_threshold`).

    Options:
        pretrain: length of the training before, as a multiple of a training; 0 prunes from the start
        begin: until when all weights are used, as a share of the second training
        end: when the target, or the last threshold, is reached along a cubic, as a share of the second training
        soft: soft movement pruning
        penalty: weight of the mean of sigmoid(S) in the loss, which grows with the threshold; only with `soft`. The
            authors' is 400 for the 85 million weights of BERT; in a smaller network it weighs more on each of them
    """
    run.train(round(pretrain * run.recipe.steps))
    fixed, (first, last) = frozen(run), window(begin, end, run.recipe.steps)
    scores = {name: 1e-12 * draw for name, draw in noise(run.weights, run.rng).items()}  # no ties before S moves
    used, adam = run.masks, Adam(scores)

    def reached() -> float:
        return min(max(progress(run.clock, first, last), 0.0), 1.0)

    def masked(parameters: Tensors) -> Tensors:
        nonlocal used
        used = (above if soft else largest)(scores, run.target, reached())
        return straight_through({**fixed, **parameters}, used)

    with run.learning(run.parameters, masked) as parameters:
        for step in run.steps():
            rate, live = run.recipe.rate_at(step.index), used.keys() - fixed.keys()
            weights = {name: parameters[name].detach() for name in live}
            if soft:
                pull = penalty * cubic(0.0, 1.0, reached()) / run.masks.total
                adam.step(penalised(scores, weights, step.grads, pull), RATE * rate / run.recipe.rate)
            for name in live:
                if not soft:
                    move(scores[name], weights[name], step.grads[name], rate)
                step.grads[name].mul_(used[name])
    run.write({name: value.detach() for name, value in parameters.items()})
    run.prune(keep_top(scores, run.target))
    if soft:
        run.note("above_threshold", over(scores, LEVEL).density)


def move(score: Tensor, weight: Tensor, gradient: Tensor, rate: float) -> None:
    """Add a step's movement to a score: - rate w dL/dw'. It grows where the weight moves away from 0."""
    score.sub_(rate * weight * gradient)


def largest(scores: Tensors, target: Target, reached: float) -> Masks:
    """Hard: the masks of the largest scores, of which ever fewer are used."""
    return keep_top(scores, target.with_density(min(1.0, cubic(1.0, target.density, reached))))


def above(scores: Tensors, target: Target, reached: float) -> Masks:
    """Soft: the masks of the scores above the threshold, or of the largest if these are more or it is the end."""
    enough = keep_top(scores, target)
    return enough if reached == 1 else enough | over(scores, cubic(0.0, LEVEL, reached))


def over(scores: Tensors, level: float) -> Masks:
    """The masks of the scores whose sigmoid is above a level."""
    return Masks({name: torch.sigmoid(score) > level for name, score in scores.items()})


def penalised(scores: Tensors, weights: Tensors, gradients: Tensors, strength: float) -> dict[str, Tensor]:
    """The gradient of S: w dL/dw', and that of `strength` times the sum of sigmoid(S)."""
    soft = {name: torch.sigmoid(scores[name]) for name in weights}
    return {n: weights[n] * gradients[n] + strength * soft[n] * (1 - soft[n]) for n in weights}
