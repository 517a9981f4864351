import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field
from scipy.optimize import brentq

from benchmark import (
    Absent,
    Anywhere,
    Fraction,
    Inapplicable,
    Masks,
    Run,
    Share,
    algorithm,
    allocate,
    keep_each,
    keep_top,
)
from benchmark.scores import Tensors, magnitude

from ._powered import Power, powered

Counts = Mapping[str, int]
Rounds = Annotated[int, Field(ge=0, description="whole number >= 0")]


@algorithm(paper="arXiv:1803.03635", trains_once=False, family="after training")
def imp(
    run: Run,
    *,
    fraction: Share = 0.2,
    rewind: Fraction = 0.0,
    retrain: Literal["weights", "rate", "finetune"] = "weights",
    scope: Literal["pattern", "layer"] = "pattern",
    power: Annotated[Power, Absent(1.0)] = 1.0,
    rounds: Annotated[Rounds, Absent(0)] = 0,
) -> None:
    """IMP: train, prune the smallest weights, rewind, repeat (Frankle & Carbin, 2019; Frankle et al., 2020).

    Later trainings rewind to a step of the first one, with a fresh optimizer.

    Options:
        fraction: share of the surviving weights that a round prunes; the last round reaches the target exactly
        rewind: step to rewind to, as a share of training; 0 is initialisation
        retrain: rewind weights and schedule; rewind the schedule only (learning-rate rewinding); or train equally
            long at the last learning rate (Renda et al., 2020)
        scope: rank as the pattern says; or within each layer, where the output layer loses half as much per round
        power: train each weight as sign(t) |t|^power (powerpropagation; Schwarz et al., 2021); 1 is plain training
        rounds: prune in so many rounds, to counts that rounds by `fraction` come through; 1 is one-shot pruning, 0 as
            many as `fraction` needs
    """
    if scope == "layer" and not isinstance(run.target.pattern, Anywhere):
        raise Inapplicable(f"pattern {run.target.pattern.name} sets the layer densities; scope must be 'pattern'")
    start = round(rewind * run.recipe.steps)
    with powered(run, power) as trained:
        run.train(start)
        early = trained.snapshot()
        run.train()
        for counts in some(list(levels(run, fraction, scope)), rounds):
            masks = largest(run, trained.weights, counts, scope)
            if masks == run.masks:
                continue  # a pattern such as N:M may have no density between these two rounds
            run.prune(masks)
            if retrain == "finetune":
                run.train(run.recipe.steps - start)
            else:
                trained.restore(early) if retrain == "weights" else run.rewind(start)
                run.train()


def largest(run: Run, weights: Tensors, counts: Mapping[str, int], scope: str) -> Masks:
    """Return the masks of the largest weights after a round, as many as `counts` says."""
    scores = magnitude(weights)
    if scope == "layer":
        return keep_each(run.target.oriented(scores), counts, among=run.masks)
    share = sum(counts.values()) / run.masks.total
    last = sum(counts.values()) == round(run.target.density * run.masks.total)
    return keep_top(scores, run.target if last else run.target.with_density(share), among=run.masks)


def some(counts: Sequence[Counts], rounds: int) -> Sequence[Counts]:
    """As many of the rounds, evenly spaced, with the last; all of them for 0."""
    number = min(rounds, len(counts)) or len(counts)
    return [counts[(place + 1) * len(counts) // number - 1] for place in range(number)]


def levels(run: Run, fraction: float, scope: str) -> Iterator[Counts]:
    """Yield the number of weights kept after each round, in the whole network or in each layer."""
    sizes = {name: mask.numel() for name, mask in run.masks.items()}
    if scope == "layer":
        *_, output = sizes
        return survivors(sizes, {name: 0.5 if name == output else 1.0 for name in sizes}, fraction, run.target.density)
    return survivors({"all": sum(sizes.values())}, {"all": 1.0}, fraction, run.target.density)


def survivors(
    sizes: Mapping[str, int], rates: Mapping[str, float], fraction: float, density: float
) -> Iterator[dict[str, int]]:
    """Yield the weights left in each group after each round.

    A round removes ceil(fraction * rate * live) weights of every group. The last round removes what remains to the
    target, which is between about half and one and a half times the usual amount.

    Args:
        sizes: number of weights in each group.
        rates: factor of `fraction` for each group.
        density: share of all weights to keep in the end.
    """
    live, total = dict(sizes), round(density * sum(sizes.values()))
    while sum(live.values()) > total:
        left = {name: n - math.ceil(fraction * rates[name] * n - 1e-9) for name, n in live.items()}
        if sum(live.values()) * (1 - fraction) ** 1.5 <= total or sum(left.values()) <= total:
            left = _last(live, rates, total)
        live = left
        yield live


def _last(live: Mapping[str, int], rates: Mapping[str, float], total: int) -> dict[str, int]:
    """Return the last round, which leaves `total` weights: every group keeps share ** rate, with a common share."""

    def surplus(share: float) -> float:
        return float(sum(n * share ** rates[name] for name, n in live.items()) - total)

    share = brentq(surplus, 0, 1, xtol=1e-15)
    return allocate({name: n * share ** rates[name] for name, n in live.items()}, total)
