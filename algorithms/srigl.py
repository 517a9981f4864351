import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from benchmark import (
    Count,
    Distribution,
    FanIn,
    Fraction,
    Inapplicable,
    Masks,
    Run,
    Target,
    algorithm,
    keep_each,
    noise,
    sparse_start,
)
from benchmark.schedules import cosine
from benchmark.scores import Tensors, magnitude


@algorithm(paper="arXiv:2305.02299", family="during training")
def srigl(
    run: Run,
    *,
    interval: Count = 100,
    fraction: Fraction = 0.3,
    end: Fraction = 0.75,
    ablation: Fraction = 0.3,
    distribution: Literal["auto"] | Distribution = "auto",
) -> None:
    """SRigL: RigL with as many inputs for every output of a layer, where outputs may die (Lasby et al., 2024).

    For `--pattern fan-in`. Under `global` and `layer`, whose totals are exact, some outputs keep one input more than
    the others. A dead output comes back when it has enough salient weights again.

    Options:
        interval: steps between mask updates, each of which replaces an update of the weights
        fraction: share of each layer's weights moved by the first update, decayed to 0 along a cosine
        end: time of the last mask update, as a share of training
        ablation: an output dies whose salient weights are fewer than this share of its inputs. Salient are those that
            are not dropped, and as many as are dropped with the largest gradients. 0 keeps all outputs; those of the
            last tensor never die
        distribution: fixed layer densities; auto is ERK under `global`, and set by the pattern otherwise
    """
    target = run.target
    if target.pattern.name not in ("global", "layer", "fan-in"):
        raise Inapplicable(
            f"'srigl' keeps as many inputs for every output, and {target.pattern.name} is another pattern"
        )
    counts: Mapping[str, float] = sparse_start(run.weights, run.rng, target, distribution).counts
    if isinstance(target.pattern, FanIn):  # which rounds for each output
        counts = {name: target.density * weight.numel() for name, weight in run.weights.items()}
    run.prune(random_start(noise(run.weights, run.rng), counts, target))
    last = round(end * run.recipe.steps)
    moves = fraction > 0 and target.density < 1  # otherwise masks never change and every step updates the weights
    for step in run.steps(at=range(interval, last, interval) if moves else ()):
        share = cosine(fraction, 0.0, step.index / last)
        weights, grads = run.weights, {name: step.grads[name] for name in run.masks}
        run.prune(update(run.masks, magnitude(weights), magnitude(grads), share, ablation, target, counts))
        step.skip()


def random_start(draws: Tensors, counts: Mapping[str, float], target: Target) -> Masks:
    """Random masks in which all outputs live."""
    found = {}
    for name, draw in draws.items():
        every = torch.ones(len(draw), dtype=torch.bool, device=draw.device)
        nothing = torch.zeros_like(draw, dtype=torch.bool)
        found[name] = fill(nothing, draw, draw, inputs(every, draw[0].numel(), counts[name], target))
    return Masks(found)


def update(
    masks: Masks,
    drop: Tensors,
    grow: Tensors,
    share: float,
    ablation: float,
    target: Target,
    counts: Mapping[str, float],
) -> Masks:
    """Drop the smallest weights of every tensor, let outputs die, and grow within each output that lives."""
    drop, grow = target.oriented(drop), target.oriented(grow)
    dropped = {name: math.floor(share * count) for name, count in masks.counts.items()}
    stay = keep_each(drop, {name: count - dropped[name] for name, count in masks.counts.items()}, among=masks)
    salient = stay | keep_each(grow, {n: min(dropped[n], int((~m).sum())) for n, m in stay.items()}, among=~stay)
    *_, last = masks
    found = {}
    for name, mask in masks.items():
        live = survivors(salient[name], mask, counts[name], ablation if name != last else 0.0)
        found[name] = fill(stay[name], drop[name], grow[name], inputs(live, mask[0].numel(), counts[name], target))
    return Masks(found)


def survivors(salient: Tensor, mask: Tensor, count: float, ablation: float) -> Tensor:
    """Which outputs live, bool [outputs]: those with enough salient weights, and as many as `count` weights need."""
    weights, width = salient.flatten(1).sum(dim=1), mask[0].numel()
    share = int(mask.sum()) / max(1, int(mask.flatten(1).any(dim=1).sum()))
    enough = int((weights >= ablation * share).sum())
    order = weights.sort(descending=True, stable=True).indices
    live = torch.zeros(len(mask), dtype=torch.bool, device=mask.device)
    live[order[: max(enough, math.ceil(count / width), 1)]] = True
    return live


def inputs(live: Tensor, width: int, count: float, target: Target) -> Tensor:
    """How many inputs each output keeps, int64 [outputs]: 0 for dead ones.

    Args:
        live: which outputs live.
        width: the number of weights of an output.
        count: the number of weights of the tensor; under `fan-in` before it is rounded for each output.
    """
    if isinstance(target.pattern, FanIn):
        return live * target.pattern.inputs(target.density, len(live) * width, int(live.sum()))
    each, over = divmod(round(count), int(live.sum()))
    return live * (each + (live.cumsum(0) <= over).long())


def fill(stay: Tensor, drop: Tensor, grow: Tensor, inputs: Tensor) -> Tensor:
    """Keep so many inputs of each output: first those that stay, the largest `drop` first, then the largest `grow`."""
    best_first = torch.where(stay, drop, grow).flatten(1).sort(dim=1, descending=True, stable=True).indices
    moved = (~stay).flatten(1).gather(1, best_first).to(torch.uint8).sort(dim=1, stable=True).indices
    place = best_first.gather(1, moved).argsort(dim=1)
    return (place < inputs[:, None]).view(stay.shape)
