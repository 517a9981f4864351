"""Control experiments: a control runs a method, called its subject, and changes one thing about it.

    bench run --algo snip --control shuffle,invert --task mnist

Every control is a cell of its own, `snip:control=shuffle`, with its subject's seed, so that the two are paired. A
control that would change nothing is skipped, with the reason: two published shuffle controls changed nothing.
"""

from __future__ import annotations

import inspect
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from benchmark.errors import Inapplicable
from benchmark.harness.network import without_values
from benchmark.pruning.layer_densities import weights_per_layer
from benchmark.pruning.masks import Masks
from benchmark.pruning.patterns import Anywhere, Layer, NofM
from benchmark.pruning.ranking import count_of, keep_each, noise
from benchmark.pruning.target import Target, keep_top
from benchmark.training.run import Run, state_of
from benchmark.training.step import Snapshot
from benchmark.training.task import Task

Subject = Callable[[Run], None]
"""The method under test, with its options."""

GRAIN = 4096
"""Widths of narrowed networks are multiples of 1 / GRAIN."""


def retrain(run: Run, subject: Subject) -> None:
    """Same masks and initial weights, trained once: what remains of a method without its own way of training.

    The other controls train once as well. They are compared with this one if the method itself trains differently.
    """
    start = _start_of(run, subject)
    ended = run.snapshot().state
    _train_from(run, start, run.masks)
    if all(torch.equal(value, ended[name]) for name, value in run.snapshot().state.items()):
        raise Inapplicable("this is how the method itself trains: once, under masks that do not move")


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
    counts = weights_per_layer("erk", {name: mask.shape for name, mask in run.masks.items()}, run.target.density)
    _train_from(run, start, keep_each(noise(run.masks, run.rng), counts))


def reinit(run: Run, subject: Subject) -> None:
    """Same masks, another random initialisation, the full schedule (Frankle & Carbin, 2019)."""
    _start_of(run, subject)
    _train_from(run, run.redraw("another"), run.masks)


def invert(run: Run, subject: Subject) -> None:
    """Every ranking is reversed: the weights that the method would keep longest go first (Frankle et al., 2021)."""
    inversion = state_of(run).invert_rankings()
    subject(run)
    if not inversion.used:
        raise Inapplicable("this method ranks nothing through its target; there is nothing to invert")


def random_labels(run: Run, subject: Subject) -> None:
    """The labels of the batches for scoring are permuted, those for training are not (Su et al., 2020)."""
    state_of(run).permute_scoring_labels()
    subject(run)
    if not state_of(run).scoring.labels_drawn:
        raise Inapplicable("this method scores no batch by its labels; there are none to permute")


def dense_small(run: Run, subject: Subject) -> None:
    """A dense network with as many parameters as the subject keeps, from the same seed and schedule.

    The harness has replaced the network by a narrow one (`narrowed`); the subject does not run.
    """
    run.train()


def dense_long(run: Run, subject: Subject) -> None:
    """The dense network, trained for as many updates as the subject makes, repeating the schedule."""
    start, meter = run.snapshot(), state_of(run).meter
    before = meter.updates
    subject(run)
    updates, length = meter.updates - before, run.recipe.steps
    if updates <= length:
        raise Inapplicable("this method trains no longer than dense training does")
    run.prune(Masks.ones(run.weights))
    run.restore(start)
    for done in range(0, updates, length):
        run.rewind(0)
        run.train(min(length, updates - done))


def relayer(run: Run, subject: Subject) -> None:
    """From a start with tensors of equal shape in each other's places.

    The harness has exchanged them (`benchmark.harness.starts.relayered`), so that the method looks for its masks there.
    Chen et al. (2020) keep a ticket's masks: `ticket:of=KEY` with this control.
    """
    subject(run)


FUNCTIONS: Mapping[str, Callable[[Run, Subject], None]] = {
    function.__name__.replace("_", "-"): function
    for function in (retrain, shuffle, erk_random, reinit, invert, random_labels, dense_small, dense_long, relayer)
}
"""The controls by name. `benchmark.results.controls` describes them."""


def narrowed(task: Task, model: str, target: Target) -> Task:
    """The task, with `model` at the largest width that has no more parameters than pruning would leave.

    Raises:
        Inapplicable: the model has no option `width`, or the narrowest one is too large; or the number of weights that
            the pattern keeps is known only after pruning.
    """
    if not isinstance(target.pattern, Anywhere | Layer):
        raise Inapplicable(f"how many weights pattern {target.pattern.name} leaves is not known before it is pruned")
    constructor: Callable[..., nn.Module] = task.model(model)
    if "width" not in inspect.signature(constructor).parameters:
        raise Inapplicable(f"model '{model}' has no width; a dense network of equal size cannot be built")

    def sizes(width: float) -> tuple[int, int]:
        with without_values():
            network = constructor(width=width)
        parameters = {name: p.numel() for name, p in network.named_parameters()}
        return sum(parameters.values()), sum(parameters[name] for name in task.prunable(network))

    total, prunable = sizes(1.0)
    left = total - prunable + count_of(target.density, prunable)
    width = bisect_right(range(1, GRAIN), left, key=lambda grains: sizes(grains / GRAIN)[0]) / GRAIN
    if not width:
        raise Inapplicable(f"the narrowest '{model}' has more than the {left:,} parameters that pruning leaves")
    return replace(task, models={model: partial(constructor, width=width)})


def shuffled(run: Run) -> Masks:
    """The run's masks with the positions permuted within each tensor; under N:M, other N of every M.

    Raises:
        Inapplicable: the pattern keeps weights together, as blocks and channels do.
    """
    if isinstance(run.target.pattern, NofM):
        return keep_top(noise(run.masks, run.rng), run.target)
    if not isinstance(run.target.pattern, Anywhere | Layer):
        raise Inapplicable(f"masks of pattern {run.target.pattern.name} cannot be shuffled weight by weight")
    return keep_each(noise(run.masks, run.rng), run.masks.counts)


def _start_of(run: Run, subject: Subject) -> Snapshot:
    """Run the subject, and return the snapshot that its last training of the weights started from."""
    initial = run.snapshot()
    subject(run)
    return state_of(run).origin or initial


def _train_from(run: Run, start: Snapshot, masks: Masks) -> None:
    """Train once, from a snapshot and with masks.

    Raises:
        Inapplicable: the subject never trains the weights.
    """
    if not state_of(run).weights_trained:
        raise Inapplicable("this method never trains its weights; other masks or weights would stay as they are drawn")
    run.prune(masks)
    run.restore(start)
    run.train()
