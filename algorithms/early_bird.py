from collections import deque
from typing import Annotated, Literal

from benchmark import Absent, Count, Fraction, Masks, Run, algorithm, keep_top, keep_units, norm_scales
from benchmark.scores import magnitude


@algorithm(paper="arXiv:1909.11957", family="during training")
def early_bird(
    run: Run,
    *,
    interval: Count = 100,
    window: Count = 5,
    distance: Fraction = 0.1,
    latest: Fraction = 0.5,
    then: Literal["continue", "rewind"] = "continue",
    score: Annotated[Literal["magnitude", "norm"], Absent("magnitude")] = "magnitude",
) -> None:
    """Early-bird: train until the mask of the largest weights hardly changes, then prune to it (You et al., 2020).

    The paper prunes channels by the scales of their norm layers, which is `score=norm`; by |w|, any pattern is pruned.

    Options:
        interval: steps between two looks at the mask; the authors' is an epoch
        window: number of masks in a row that have to agree
        distance: largest share of the kept weights in which the newest mask may differ from each of the others. Where
            half is kept, as in the paper, that is the authors' Hamming distance over all (RICE-EIC/Early-Bird-Tickets)
        latest: when to prune at the latest, as a share of training
        then: train on with the rest of the schedule, or rewind to the initial weights and train once more in full
        score: |w|, or for the pattern `channels` the mean |scale| of the norm layers behind a channel
    """
    initial, last = run.snapshot(), round(latest * run.recipe.steps)
    masks: deque[Masks] = deque(maxlen=window)
    while run.clock < last and not settled(masks, window, distance):
        run.train(min(interval, last - run.clock))
        masks.append(largest(run, score))
    run.prune(largest(run, score))
    if then == "rewind":
        run.restore(initial)
    run.train()


def largest(run: Run, score: str) -> Masks:
    """The masks of the largest weights, or of the channels with the largest scales."""
    if score == "norm":
        return keep_units(norm_scales(run.parameters, run.target), run.target, run.masks)
    return keep_top(magnitude(run.weights), run.target)


def settled(masks: deque[Masks], window: int, distance: float) -> bool:
    """Whether there are `window` masks, and the newest is no farther from any other than `distance`."""
    return len(masks) == window and all(difference(mask, masks[-1]) <= distance for mask in list(masks)[:-1])


def difference(one: Masks, other: Masks) -> float:
    """The share of the weights that one mask keeps which the other does not."""
    return (one & ~other).kept / max(1, one.kept)
