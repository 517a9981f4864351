import torch
from torch import Tensor

from benchmark import Blocks, Channels, Inapplicable, Masks, Run, Target, algorithm, keep_top
from benchmark.scores import Tensors

from ._walks import crossings, stages, turned, walks

VISITS = 30
"""Walks end after so many visits for each weight of the network, on average."""


@algorithm(paper="arXiv:2010.11354", family="before training")
def phew(run: Run) -> None:
    """PHEW: keep what random walks along large weights pass, at initialisation, without data (Patil & Dovrolis, 2021).

    Walks start in turns at the inputs and at the outputs, at one after the other of these, and go through all layers.
    From a unit they take a weight with probability |w| / sum of |w| over the unit's; in a convolution these are the
    weights of all kernels of a channel. What they pass is kept, until, in the middle of a walk, as many weights are as
    are asked. Layers are passed in the model's order, as in the authors' code (ShreyasMalakarjunPatil/PHEW); where a
    projection lies beside some of them, walks go either way. Into a layer that has another width than the one before,
    as in attention and grouped convolutions, they go at a unit drawn at random.

    What no walk has passed after 30 visits for each weight is kept by |w|, which matters at densities near 1; the
    record notes how many weights that are (`not_passed`).
    """
    if isinstance(run.target.pattern, Blocks | Channels):
        raise Inapplicable(f"walks pass single weights; pattern {run.target.pattern.name} keeps many together")
    times = first_passed(run.weights, run.target, run.rng)
    masks = keep_top(ranked(times, run.weights), run.target)
    run.note("not_passed", not_passed(times, masks))
    run.prune(masks)
    run.train()


def first_passed(weights: Tensors, target: Target, rng: torch.Generator) -> dict[str, Tensor]:
    """When each weight is first passed, in steps of walks one after the other: float64, infinite if it is not."""
    route, total = stages({name: w.shape for name, w in weights.items()}), sum(w.numel() for w in weights.values())
    sides = [(route, crossings(weights, back=False)), (turned(route), crossings(weights, back=True))]
    times = {name: torch.full(w.shape, torch.inf, dtype=torch.float64) for name, w in weights.items()}
    numbers = torch.arange(1 + round(target.density * total) // (4 * len(weights)))
    while 2 * len(weights) * int(numbers[0]) < VISITS * total:
        for side, (way, crossing) in enumerate(sides):
            starts = numbers % crossing[way[0][0][0]].width
            for step, (name, which, places) in enumerate(walks(way, crossing, starts, rng)):
                when = (2.0 * numbers[which] + side) * len(weights) + step
                times[name].view(-1).scatter_reduce_(0, places, when.double(), "amin")
        if not not_passed(times, keep_top(ranked(times, weights), target)):
            break
        numbers = numbers + len(numbers)
    return times


def ranked(times: Tensors, weights: Tensors) -> dict[str, Tensor]:
    """Scores: the earlier a weight is passed, the higher; after all of these, those that are not passed by |w|."""
    last = max((float(when[when.isfinite()].max()) for when in times.values() if when.isfinite().any()), default=0.0)
    rest = {name: last + 1 / (1 + weight.abs().double().cpu()) for name, weight in weights.items()}
    return {n: -torch.where(when.isfinite(), when, rest[n]).to(weights[n].device) for n, when in times.items()}


def not_passed(times: Tensors, masks: Masks) -> int:
    """How many of the kept weights no walk has passed."""
    return sum(int((when.isinf() & masks[name].cpu()).sum()) for name, when in times.items())
