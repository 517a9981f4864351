"""Units of weights that are kept or pruned together: the weights in them, sums over them, and masks of whole units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.pruning.masks import Masks
from benchmark.pruning.ranking import Scores, checked, top

Members = Mapping[str, tuple[Tensor, ...]]
"""The units that weights are in, by name of the tensor: int64, broadcastable to the tensor, -1 for no unit.

A weight may be in two units, as a convolution's weights are in an output and in an input channel. It is kept if both
units are.
"""


@dataclass(frozen=True)
class Units:
    """The units of a network, numbered from 0.

    Args:
        members: the units that each weight is in.
        count: the number of units.
        sets: int64 [count], the set that each unit belongs to, of which at least one is kept; None for no sets.
    """

    members: Members
    count: int
    sets: Tensor | None = None


def means_of(values: Scores, units: Units) -> Tensor:
    """The mean of values over each unit, float64 [units]."""
    total, size = totals_of(values, units)
    return total / size


def totals_of(values: Scores, units: Units) -> tuple[Tensor, Tensor]:
    """The sum of values over each unit, and their number; float64 [units]."""
    total, size = torch.zeros(units.count, dtype=torch.float64), torch.zeros(units.count, dtype=torch.float64)
    for name, numbers in _each(units.members):
        value = checked(name, values[name]).cpu()
        inside, at = _inside(numbers, value.shape)
        total.index_add_(0, at, value.double()[inside])
        size.index_add_(0, at, torch.ones(len(at), dtype=torch.float64))
    return total, size


def chosen_of(scores: Tensor, units: Units, kept: int, live: Tensor) -> Tensor:
    """The `kept` live units with the highest scores, with at least one of each set; bool [units]."""
    forced = torch.zeros_like(live)
    for number in [] if units.sets is None else torch.unique(units.sets):
        candidates = live & (units.sets == number)
        forced[torch.where(candidates, scores, -torch.inf).argmax()] = True
    return forced | top(scores, kept - int(forced.sum()), live & ~forced)


def live_units(masks: Masks, units: Units) -> Tensor:
    """The units of which any weight is kept, bool [units]."""
    live = torch.zeros(units.count, dtype=torch.bool)
    for name, numbers in _each(units.members):
        mask = masks[name].cpu()
        inside, at = _inside(numbers, mask.shape)
        live[at[mask[inside]]] = True
    return live


def masks_of(chosen: Tensor, members: Members, shapes: Mapping[str, torch.Size], device: torch.device) -> Masks:
    """Masks of the weights whose units are all chosen. Weights in no unit are kept."""
    masks = {}
    padded = torch.cat([chosen, torch.ones(1, dtype=torch.bool)])  # number -1: in no unit
    for name, shape in shapes.items():
        mask = torch.ones(shape, dtype=torch.bool)
        for numbers in members.get(name, ()):
            mask &= padded[numbers]
        masks[name] = mask.to(device)
    return Masks(masks)


def unit_breach(masks: Masks, units: Units, expected: int, what: str) -> str | None:
    """What is wrong with masks that should keep `expected` whole units; None if nothing is."""
    live = live_units(masks, units)
    if int(live.sum()) != expected:
        return f"{int(live.sum()):,} of {units.count:,} {what} are kept, {expected:,} were asked"
    whole = masks_of(live, units.members, shapes_of(masks), torch.device("cpu"))
    broken = [name for name, mask in masks.items() if not torch.equal(mask.cpu(), whole[name])]
    return f"'{broken[0]}' keeps {what} in part" if broken else None


def _each(members: Members) -> Iterator[tuple[str, Tensor]]:
    return ((name, numbers) for name, several in members.items() for numbers in several)


def _inside(numbers: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Which weights of a tensor are in a unit, bool of its shape, and the units of these weights, in the same order."""
    spread = numbers.expand(shape)
    inside = spread >= 0
    return inside, spread[inside]


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    """The shapes of tensors, by name."""
    return {name: tensor.shape for name, tensor in tensors.items()}
