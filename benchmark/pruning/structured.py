"""Patterns of weights that are kept or dropped together: blocks of a matrix, channels of a network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmark.pruning.masks import Masks
from benchmark.pruning.ranking import Scores, checked, top

Members = Mapping[str, tuple[Tensor, ...]]
"""By tensor: unit numbers, int64, in shapes that broadcast to the tensor's; -1 where a weight is in no unit.

A weight may be in two units, as that of a convolution is in its output's and its input's channel; it is kept where both
are.
"""


@dataclass(frozen=True)
class Blocks:
    """Rectangles of `rows` outputs by `columns` inputs, at every place of a kernel apart; smaller ones at the edges.

    Exactly round(density * number of blocks) are kept over all tensors, by the mean score of their weights.
    """

    rows: int
    columns: int

    @property
    def name(self) -> str:
        return f"blocks:{self.rows}x{self.columns}"

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        members, count = self._members({name: s.shape for name, s in scores.items()})
        return keep_units(scores, members, count, self._count(density, count), among)

    def breach(self, masks: Masks, density: float) -> str | None:
        members, count = self._members({name: mask.shape for name, mask in masks.items()})
        return unit_breach(masks, members, count, self._count(density, count), "blocks")

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {}

    def _count(self, density: float, blocks: int) -> int:
        count = round(density * blocks)
        if count == 0:
            raise ValueError(f"density {density:g} keeps none of {blocks:,} blocks")
        return count

    def _members(self, shapes: Mapping[str, torch.Size]) -> tuple[Members, int]:
        members, count = {}, 0
        for name, (rows, columns, *kernel) in shapes.items():
            across, places = math.ceil(columns / self.columns), math.prod(kernel)
            row = torch.arange(rows).div(self.rows, rounding_mode="floor").view(-1, 1, 1)
            column = torch.arange(columns).div(self.columns, rounding_mode="floor").view(1, -1, 1)
            numbers = count + (row * across + column) * places + torch.arange(places)
            members[name] = (numbers.view(rows, columns, *kernel),)
            count += math.ceil(rows / self.rows) * across * places
        return members, count


@dataclass(frozen=True)
class Channels:
    """Output channels, each with every slice that is tied to it: the network without them is a smaller dense one.

    Density is the share of channels kept, over all layers, and each layer keeps at least one; a channel's score is the
    mean over its weights.

    Args:
        members: by tensor, the channel of each output and of each input, as `channel_tracing.trace` finds them.
        layers: int64 [channels], the layer, or the set of tied layers, that each channel is of.
    """

    members: Members = field(default_factory=dict, repr=False)
    layers: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64), repr=False)
    name: str = field(default="channels", init=False)

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        return keep_units(scores, self.members, len(self.layers), self._count(density), among, self.layers)

    def breach(self, masks: Masks, density: float) -> str | None:
        return unit_breach(masks, self.members, len(self.layers), self._count(density), "channels")

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {name: "no channel that can be removed runs through it" for name in shapes if name not in self.members}

    def _count(self, density: float) -> int:
        return max(round(density * len(self.layers)), len(torch.unique(self.layers)))


def keep_units(
    scores: Scores,
    members: Members,
    count: int,
    kept: int,
    among: Masks | None = None,
    sets: Tensor | None = None,
) -> Masks:
    """Keep the `kept` units of `count` with the highest mean score, at least one of each set."""
    total, size = torch.zeros(count, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    for name, numbers in _each(members):
        score = checked(name, scores[name]).cpu()
        inside, at = _inside(numbers, score.shape)
        total.index_add_(0, at, score.double()[inside])
        size.index_add_(0, at, torch.ones(len(at), dtype=torch.float64))
    mean = total / size
    live = torch.ones(count, dtype=torch.bool) if among is None else live_units(among, members, count)
    forced = torch.zeros_like(live)
    for number in [] if sets is None else torch.unique(sets):
        own = live & (sets == number)
        forced[torch.where(own, mean, -torch.inf).argmax()] = True
    chosen = forced | top(mean, kept - int(forced.sum()), live & ~forced)
    return masks_of(chosen, members, {name: s.shape for name, s in scores.items()}, next(iter(scores.values())).device)


def live_units(masks: Masks, members: Members, count: int) -> Tensor:
    """bool [count]: the units of which any weight is kept."""
    live = torch.zeros(count, dtype=torch.bool)
    for name, numbers in _each(members):
        mask = masks[name].cpu()
        inside, at = _inside(numbers, mask.shape)
        live[at[mask[inside]]] = True
    return live


def masks_of(chosen: Tensor, members: Members, shapes: Mapping[str, torch.Size], device: torch.device) -> Masks:
    """The weights all of whose units are chosen; all of those in no unit."""
    masks = {}
    padded = torch.cat([chosen, torch.ones(1, dtype=torch.bool)])  # number -1: in no unit
    for name, shape in shapes.items():
        mask = torch.ones(shape, dtype=torch.bool)
        for numbers in members.get(name, ()):
            mask &= padded[numbers]
        masks[name] = mask.to(device)
    return Masks(masks)


def unit_breach(masks: Masks, members: Members, count: int, expected: int, what: str) -> str | None:
    """What is wrong with masks that should keep `expected` whole units."""
    live = live_units(masks, members, count)
    shapes = {name: mask.shape for name, mask in masks.items()}
    if int(live.sum()) != expected:
        return f"{int(live.sum()):,} of {count:,} {what} are kept, {expected:,} were asked"
    whole = masks_of(live, members, shapes, torch.device("cpu"))
    broken = [name for name, mask in masks.items() if not torch.equal(mask.cpu(), whole[name])]
    return f"'{broken[0]}' keeps {what} in part" if broken else None


def _each(members: Members) -> Iterator[tuple[str, Tensor]]:
    return ((name, numbers) for name, several in members.items() for numbers in several)


def _inside(numbers: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Where a tensor's weights are in a unit, bool of its shape, and in which, in the same order."""
    spread = numbers.expand(shape)
    inside = spread >= 0
    return inside, spread[inside]
