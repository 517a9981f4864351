import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchmark import Anywhere, Count, Inapplicable, Run, Snapshot, algorithm, keep_top
from benchmark.scores import Tensors

from ._descent import Descent, learned
from ._masked import frozen

Value = Annotated[float, Field(allow_inf_nan=False, description="number")]

NEAR = 0.05
"""The search ends at a number of weights this near to the target's, as a share of it."""


@algorithm(paper="arXiv:2002.03231", trains_once=False, family="during training")
def soft_threshold(run: Run, *, trials: Count = 8, start: Value = -10.0) -> None:
    """STR: learn a soft threshold for each layer, by which weights shrink to 0 (Kusupati et al., 2020).

    The network computes with sign(w) relu(|w| - sigmoid(s)), one s for each tensor, trained by SGD at the recipe's rate
    and momentum. How many weights survive follows from the weight decay of s, which raises the threshold; it is
    searched by bisection on a logarithmic scale, with a training for each try. In the one that comes nearest, exactly
    as many weights are kept as are asked, those with the largest |w| - sigmoid(s): the smallest go where too many have
    survived, and where too few have, some are kept that are 0. The authors choose one decay for s and w, and the start.

    Options:
        trials: trainings of the search, which ends before at 5 % from the target
        start: s at the start
    """
    if not isinstance(run.target.pattern, Anywhere):
        raise Inapplicable(f"'soft-threshold' learns the layer densities, which pattern {run.target.pattern.name} sets")
    if run.target.density == 1:
        run.train()
        return
    asked = run.target.density * run.masks.total
    _, scores, end = min(search(run, asked, trials, start), key=lambda trial: trial[0])
    run.restore(end)
    run.prune(keep_top(scores, run.target))


def search(run: Run, asked: float, trials: int, start: float) -> Iterator[tuple[float, Tensors, Snapshot]]:
    """Train with one decay after the other; yield how far the survivors are from `asked`, scores and the end."""
    begin, low, high = run.snapshot(), 1e-6, 1.0
    for _ in range(trials):
        decay = math.sqrt(low * high)
        run.restore(begin)
        scores, end = trained(run, start, decay)
        survivors = sum(int((score > 0).sum()) for score in scores.values())
        low, high = (decay, high) if survivors > asked else (low, decay)
        yield abs(math.log(max(survivors, 0.5) / asked)), scores, end
        if abs(survivors / asked - 1) <= NEAR:
            return


def trained(run: Run, start: float, decay: float) -> tuple[Tensors, Snapshot]:
    """Train through soft thresholds; return |w| - sigmoid(s), and the network with the weights it computes with."""
    fixed = frozen(run)
    thresholds = learned({name: weight.new_full((1,), start) for name, weight in run.weights.items()})
    descent = Descent(thresholds, run.recipe.momentum, decay)
    with run.learning(run.parameters, lambda values: {**values, **shrunk({**fixed, **values}, thresholds)}) as values:
        for step in run.steps():
            descent.step(run.recipe.rate_at(step.index))
    last = {**fixed, **{name: value.detach() for name, value in values.items()}}
    scores = {name: (last[name].abs() - torch.sigmoid(s)).detach() for name, s in thresholds.items()}
    used = {name: weight.detach() for name, weight in shrunk(last, thresholds).items()}
    end = run.snapshot()
    return scores, replace(end, state={**end.state, **last, **used})


def shrunk(weights: Tensors, thresholds: Tensors) -> dict[str, Tensor]:
    """sign(w) relu(|w| - sigmoid(s))."""
    return {n: weights[n].sign() * torch.relu(weights[n].abs() - torch.sigmoid(s)) for n, s in thresholds.items()}
