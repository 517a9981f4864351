"""Controls: what a method's claim is questioned with. A control runs its subject and changes one thing about it.

    bench run --algo snip --control shuffle,invert --task mnist

Every control is a cell of its own, `snip:control=shuffle`, with its subject's seed, so that the two are paired. One
that would change nothing is skipped and says why: the published shuffles of two peers were no-ops.
"""

from __future__ import annotations

import inspect
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from benchmark.budgets import budgets
from benchmark.define import Control
from benchmark.errors import Inapplicable
from benchmark.masks import Masks
from benchmark.run import Run, Snapshot
from benchmark.selection import count_of, noise
from benchmark.target import Anywhere, Layer, NofM, keep_each, keep_top
from benchmark.task import Task

Subject = Callable[[Run], None]
GRAIN = 4096
"""Widths are multiples of 1 / GRAIN."""


def shuffle(run: Run, subject: Subject) -> None:
    """Same initial weights and layer densities, other positions: each mask is permuted (Frankle et al., 2021)."""
    start = _start_of(run, subject)
    masks = shuffled(run)
    if masks == run.masks:
        raise Inapplicable("the masks are the same however they are shuffled; ask for a sparsity above 0")
    _train_from(run, start, masks)


def erk_random(run: Run, subject: Subject) -> None:
    """Same initial weights and density, random masks with the layer densities of ERK (Liu et al., 2022)."""
    if not isinstance(run.target.pattern, Anywhere):
        raise Inapplicable(f"pattern {run.target.pattern.name} sets the layer densities; ERK cannot")
    start = _start_of(run, subject)
    counts = budgets("erk", {name: mask.shape for name, mask in run.masks.items()}, run.target.density)
    _train_from(run, start, keep_each(noise(run.masks, run.rng), counts))


def reinit(run: Run, subject: Subject) -> None:
    """Same masks, another draw of the initial weights, the full schedule (Frankle & Carbin, 2019)."""
    _start_of(run, subject)
    _train_from(run, run.redraw(), run.masks)


def invert(run: Run, subject: Subject) -> None:
    """Every ranking is turned over: what the method would keep longest goes first (Frankle et al., 2021)."""
    inversion = run.invert_rankings()
    subject(run)
    if not inversion.used:
        raise Inapplicable("this method ranks nothing through its target; there is nothing to invert")


def random_labels(run: Run, subject: Subject) -> None:
    """The batches that are scored have their labels permuted; training does not (Su et al., 2020)."""
    run.permute_scoring_labels()
    subject(run)
    if not run.scored:
        raise Inapplicable("this method scores no batch; its labels cannot be randomised")


def dense_small(run: Run, subject: Subject) -> None:
    """A dense network with as many parameters as the subject's has left, from the same seed and schedule.

    The harness hands over a narrow network (`narrowed`); the subject never runs.
    """
    run.train()


CONTROLS: dict[Control, Callable[[Run, Subject], None]] = {
    "shuffle": shuffle,
    "erk-random": erk_random,
    "reinit": reinit,
    "invert": invert,
    "random-labels": random_labels,
    "dense-small": dense_small,
}


def narrowed(task: Task, model: str, density: float) -> Task:
    """The task with its `model` at the largest width whose parameters are no more than pruning would leave.

    Raises:
        Inapplicable: the model has no width, or none so small.
    """
    constructor: Callable[..., nn.Module] = task.model(model)
    if "width" not in inspect.signature(constructor).parameters:
        raise Inapplicable(f"model '{model}' has no width; a dense network of equal size cannot be built")

    def sizes(width: float) -> tuple[int, int]:
        with torch.device("meta"):
            network = constructor(width=width)
        parameters = {name: p.numel() for name, p in network.named_parameters()}
        return sum(parameters.values()), sum(parameters[name] for name in task.prunable(network))

    total, prunable = sizes(1.0)
    left = total - prunable + count_of(density, prunable)
    width = bisect_right(range(1, GRAIN), left, key=lambda grains: sizes(grains / GRAIN)[0]) / GRAIN
    if not width:
        raise Inapplicable(f"the narrowest '{model}' has more than the {left:,} parameters that pruning leaves")
    return replace(task, models={model: partial(constructor, width=width)})


def shuffled(run: Run) -> Masks:
    """Each tensor's mask, permuted; under N:M, other N of every M.

    Raises:
        Inapplicable: the pattern ties weights together.
    """
    if isinstance(run.target.pattern, NofM):
        return keep_top(noise(run.masks, run.rng), run.target)
    if not isinstance(run.target.pattern, Anywhere | Layer):
        raise Inapplicable(f"masks of pattern {run.target.pattern.name} cannot be shuffled weight by weight")
    return keep_each(noise(run.masks, run.rng), run.masks.counts)


def _start_of(run: Run, subject: Subject) -> Snapshot:
    """Run the subject; where its last training of the weights started from."""
    initial = run.snapshot()
    subject(run)
    return run.restored or initial


def _train_from(run: Run, start: Snapshot, masks: Masks) -> None:
    """Train as the subject did, if it trained at all, from a state under masks."""
    trained = run.weights_trained
    run.prune(masks)
    run.restore(start)
    if trained:
        run.train()
