from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field

from benchmark import Absent, Batch, Count, Fraction, Inapplicable, Key, Run, Snapshot, algorithm

Points = Annotated[int, Field(ge=2, description="whole number >= 2")]
RECALIBRATION = 20
"""Training batches from which the statistics of norm layers are estimated between two networks."""


@algorithm(paper="arXiv:1912.05671", trains_once=False)
def instability(
    run: Run,
    *,
    at: Fraction = 0.0,
    of: Annotated[Key | None, Absent(None)] = None,
    pair: Count = 1,
    points: Points = 30,
    norms: Literal["reestimate", "interpolate"] = "reestimate",
) -> None:
    """Instability: how high the error rises between two networks that part while they train (Frankle et al., 2020).

    The dense network is trained to a moment, where the masks of a source are applied: there `imp` rewinds to. From then
    on, two copies see the data in two orders, each with a fresh optimizer: momentum is no part of what they share.
    `noted.instability` has the errors of validation and training data at even places of the line between both ends, and
    the barriers: the highest error minus the mean of the ends. An error is 1 minus the accuracy, or the metric that
    ranks where lower is better. What is left is the network of the first end.

    Options:
        at: the moment, as a share of training
        of: the record whose masks are applied at that moment; none for the dense network
        pair: which pair of orders
        points: places on the line
        norms: at each, estimate the statistics of norm layers again, from 20 training batches; or interpolate them, too
    """
    if of is None and run.target.density < 1:
        raise Inapplicable("without a source the network is dense; ask for --sparsity 0, or give of=KEY")
    masks = run.masks if of is None else run.found(of)
    run.train(round(at * run.recipe.steps))
    run.prune(masks)
    fork = run.snapshot()
    one, other = branch(run, fork, f"one-{pair}"), branch(run, fork, f"other-{pair}")
    batches = run.batches(RECALIBRATION) if norms == "reestimate" and run.statistics(run.batches(1)) else []
    line = [errors(run, between(one, other, place), batches) for place in torch.linspace(0, 1, points).tolist()]
    run.restore(one)
    lines = {split: [at_place[split] for at_place in line] for split in line[0]}
    run.note("instability", {split: {"errors": found, "barrier": barrier(found)} for split, found in lines.items()})


def branch(run: Run, fork: Snapshot, order: str) -> Snapshot:
    """Train from a snapshot to the end, in an order of this name."""
    run.restore(fork)
    run.reorder(order)
    run.train()
    return run.snapshot()


def between(one: Snapshot, other: Snapshot, place: float) -> Snapshot:
    """The weights and statistics at a place of the line from one snapshot, 0, to the other, 1; counters stay."""
    state = {
        name: torch.lerp(value, other.state[name], place) if value.is_floating_point() else value
        for name, value in one.state.items()
    }
    return Snapshot(state, one.clock)


def errors(run: Run, snapshot: Snapshot, batches: Sequence[Batch]) -> dict[str, float]:
    """The errors of a network on validation data and on as many training data, with statistics of these batches."""
    run.restore(snapshot)
    if batches:
        run.write(run.statistics(batches))
    metric, direction = next(iter(run.task.metrics.items()))
    values = {"validation": run.evaluate("validation")[metric], "train": run.evaluate("train")[metric]}
    return {split: 1 - value if direction == "max" else value for split, value in values.items()}


def barrier(errors: Sequence[float]) -> float:
    """The highest error on a line minus the mean of both ends; never negative."""
    return max(errors) - (errors[0] + errors[-1]) / 2
