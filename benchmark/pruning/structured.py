"""Patterns of weights that are kept or pruned together, in units: blocks of a matrix, or channels of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmark.errors import Inapplicable
from benchmark.pruning.masks import Masks
from benchmark.pruning.ranking import Scores, checked, top
from benchmark.pruning.target import Target

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


@dataclass(frozen=True)
class Blocks:
    """Rectangles of `rows` outputs by `columns` inputs, separately for every kernel position; smaller at the edges.

    Exactly round(density * number of blocks) are kept over all tensors, by the mean score of their weights.
    """

    rows: int
    columns: int

    @property
    def name(self) -> str:
        return f"blocks:{self.rows}x{self.columns}"

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        return _keep(scores, self.units(_shapes(scores)), self.kept, density, among)

    def breach(self, masks: Masks, density: float) -> str | None:
        units = self.units(_shapes(masks))
        return unit_breach(masks, units, self.kept(density, units), "blocks")

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {}

    def kept(self, density: float, units: Units) -> int:
        """The number of blocks that a density keeps. Raises ValueError if that is none."""
        count = round(density * units.count)
        if count == 0:
            raise ValueError(f"density {density:g} keeps none of {units.count:,} blocks")
        return count

    def units(self, shapes: Mapping[str, torch.Size]) -> Units:
        """The blocks of tensors of these shapes, numbered tensor by tensor, row by row, then by kernel position."""
        members, count = {}, 0
        for name, (rows, columns, *kernel) in shapes.items():
            across, places = math.ceil(columns / self.columns), math.prod(kernel)
            row = torch.arange(rows).div(self.rows, rounding_mode="floor").view(-1, 1, 1)
            column = torch.arange(columns).div(self.columns, rounding_mode="floor").view(1, -1, 1)
            numbers = count + (row * across + column) * places + torch.arange(places)
            members[name] = (numbers.view(rows, columns, *kernel),)
            count += math.ceil(rows / self.rows) * across * places
        return Units(members, count)


@dataclass(frozen=True)
class Channels:
    """Output channels, each with all weights that read it or are tied to it. Without them the network is a smaller one.

    The density is the share of channels that are kept over all layers; each layer keeps at least one. A channel's score
    is the mean over its weights.

    Args:
        members: the channels that each weight is in (from `benchmark.training.channel_tracing.trace`).
        layers: int64 [channels], the layer, or the set of tied layers, that each channel belongs to.
    """

    members: Members = field(default_factory=dict, repr=False)
    layers: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64), repr=False)
    name: str = field(default="channels", init=False)

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        return _keep(scores, self.units(_shapes(scores)), self.kept, density, among)

    def breach(self, masks: Masks, density: float) -> str | None:
        units = self.units(_shapes(masks))
        return unit_breach(masks, units, self.kept(density, units), "channels")

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {name: "no channel that can be removed runs through it" for name in shapes if name not in self.members}

    def kept(self, density: float, units: Units) -> int:
        """The number of channels that a density keeps, at least one of each layer."""
        return max(round(density * units.count), len(torch.unique(self.layers)))

    def units(self, shapes: Mapping[str, torch.Size]) -> Units:
        """The channels that were traced. The shapes are not used."""
        return Units(self.members, len(self.layers), self.layers)


def unit_means(values: Scores, target: Target) -> Tensor:
    """The mean of `values` over the weights of every unit of the target's pattern: float64 [units], on the CPU.

    The units are in the order that `keep_units` expects. Blocks are numbered tensor by tensor, in each one row by row,
    with a block for every kernel position; channels are numbered layer by layer. A weight in two units counts in both.

    Args:
        values: one number per weight of every prunable tensor: squares of weights, for example.

    Raises:
        Inapplicable: the pattern has no units; `blocks:RxC` and `channels` have.
        ValueError: a value is NaN.
    """
    pattern = _with_units(target)
    return _means(values, pattern.units(_shapes(values)))


def unit_sums(values: Scores, target: Target) -> Tensor:
    """The sum of `values` over the weights of every unit, otherwise like `unit_means`."""
    pattern = _with_units(target)
    total, _ = _totals(values, pattern.units(_shapes(values)))
    return total


def keep_units(scores: Tensor, target: Target, among: Masks) -> Masks:
    """Keep the blocks or channels with the highest scores, for methods that score units and not weights.

    Exactly as many units as the target's density asks for are kept; of equal scores the first ones, and of every layer
    at least one channel. `keep_units(unit_means(scores, target), target, masks)` keeps the same weights as
    `keep_top(scores, target, masks)`.

    Args:
        scores: [units], in the order of `unit_means`; units with higher scores are kept longer.
        among: the masks to choose from, `run.masks`: a unit without any kept weight cannot come back.

    Raises:
        Inapplicable: the pattern has no units; `blocks:RxC` and `channels` have.
        ValueError: there is not one score per unit, one is NaN, or more units are asked than `among` has.
    """
    pattern = _with_units(target)
    units = pattern.units(_shapes(among))
    if scores.shape != (units.count,):
        raise ValueError(f"scores have the shape {tuple(scores.shape)}; pattern {pattern.name} has {units.count} units")
    ranked = checked("units", target.oriented({"units": scores})["units"]).cpu()
    chosen = _choose(ranked, units, pattern.kept(target.density, units), live_units(among, units))
    return masks_of(chosen, units.members, _shapes(among), next(iter(among.values())).device)


def _with_units(target: Target) -> Blocks | Channels:
    if isinstance(target.pattern, Blocks | Channels):
        return target.pattern
    raise Inapplicable(f"pattern {target.pattern.name} has no units to keep whole; blocks:RxC and channels have")


def _keep(
    scores: Scores, units: Units, kept: Callable[[float, Units], int], density: float, among: Masks | None
) -> Masks:
    """Keep the units with the highest mean score."""
    means = _means(scores, units)
    live = torch.ones(units.count, dtype=torch.bool) if among is None else live_units(among, units)
    chosen = _choose(means, units, kept(density, units), live)
    return masks_of(chosen, units.members, _shapes(scores), next(iter(scores.values())).device)


def _means(values: Scores, units: Units) -> Tensor:
    total, size = _totals(values, units)
    return total / size


def _totals(values: Scores, units: Units) -> tuple[Tensor, Tensor]:
    """The sum of values over each unit, and how many they are; float64 [units]."""
    total, size = torch.zeros(units.count, dtype=torch.float64), torch.zeros(units.count, dtype=torch.float64)
    for name, numbers in _each(units.members):
        value = checked(name, values[name]).cpu()
        inside, at = _inside(numbers, value.shape)
        total.index_add_(0, at, value.double()[inside])
        size.index_add_(0, at, torch.ones(len(at), dtype=torch.float64))
    return total, size


def _choose(scores: Tensor, units: Units, kept: int, live: Tensor) -> Tensor:
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
    whole = masks_of(live, units.members, _shapes(masks), torch.device("cpu"))
    broken = [name for name, mask in masks.items() if not torch.equal(mask.cpu(), whole[name])]
    return f"'{broken[0]}' keeps {what} in part" if broken else None


def _each(members: Members) -> Iterator[tuple[str, Tensor]]:
    return ((name, numbers) for name, several in members.items() for numbers in several)


def _inside(numbers: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Which weights of a tensor are in a unit, bool of its shape, and the units of these weights, in the same order."""
    spread = numbers.expand(shape)
    inside = spread >= 0
    return inside, spread[inside]


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
