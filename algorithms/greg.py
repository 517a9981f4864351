from collections.abc import Mapping
from itertools import islice

from torch import Tensor

from benchmark import Count, Fraction, Positive, Run, Step, algorithm, keep_top
from benchmark.scores import Tensors, magnitude

from ._layerwise import Finetune, fine_tune, train_if_drawn

CHOOSES, RECOVERS = 0.01, -1e-4
"""Of the limit: the penalty on all weights at which GReg-2 chooses, and that on the kept ones from there on."""


@algorithm(paper="arXiv:2012.09243", trains_once=False, family="after training")
def greg(
    run: Run,
    *,
    interval: Count = 10,
    limit: Positive = 1.0,
    separate: Fraction = 0.0,
    settle: Fraction = 0.1,
    finetune: Finetune = 1.0,
) -> None:
    """GReg: let an L2 penalty grow on the weights that go until they are gone, then prune them (Wang et al., 2021).

    A trained network is trained by the whole recipe again, from the weights that it has, while a penalty of
    lambda w^2 / 2 grows in equal steps on the weights or units of smallest |w|; then they are pruned, and what is left
    is trained. GReg-1 chooses them at the start. GReg-2 (separate=0.085) first lets the penalty grow on all weights,
    which their curvatures drive apart, and chooses then. The authors' lambda grows by 1e-4 in 10 steps at a rate of
    1e-3, for 100,000 steps (MingSun-Tse/Regularization-Pruning); here it grows as fast as the recipe's length asks.

    Options:
        interval: steps between two raises of the penalty; the authors' is 10
        limit: the largest penalty; the authors' is 1
        separate: share of the second training in which the penalty grows on all weights, before it is told which go;
            the authors' is 10,000 of 119,000 steps for GReg-2
        settle: share of the second training at the largest penalty; the authors' is 10,000 of 110,000 steps
    """
    if separate + settle > 1:
        raise ValueError(f"separate and settle are shares of one training, and {separate:g} + {settle:g} is above 1")
    train_if_drawn(run)
    run.rewind(0)
    chosen, last = round(separate * run.recipe.steps), (1 - settle) * run.recipe.steps
    base, recovery = (CHOOSES * limit, RECOVERS * limit) if chosen else (0.0, 0.0)
    steps = run.steps()
    for step in islice(steps, chosen):
        press(step, run.weights, run.masks, grown(step.index, chosen, interval, base))
    kept = keep_top(magnitude(run.weights), run.target)
    go = {name: ~mask for name, mask in kept.items()}
    for step in steps:
        press(step, run.weights, go, base + grown(step.index - chosen, last - chosen, interval, limit - base))
        press(step, run.weights, kept, recovery)
    run.prune(kept)
    fine_tune(run, finetune)


def press(step: Step, weights: Tensors, on: Mapping[str, Tensor], penalty: float) -> None:
    """Add the gradient of penalty w^2 / 2, on these weights, to that of a step."""
    for name in step.grads.keys() & on.keys() if penalty else ():
        step.grads[name].add_(weights[name] * on[name], alpha=penalty)


def grown(step: int, last: float, interval: int, limit: float) -> float:
    """The penalty in a step: it is raised every `interval` steps, and is `limit` from step `last` on."""
    return limit * min(1.0, (step // interval + 1) * interval / last) if last else limit
