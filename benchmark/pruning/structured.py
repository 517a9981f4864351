"""Patterns of weights that are kept or pruned together, in units: blocks of a matrix, or channels of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmark.pruning.masks import Masks
from benchmark.pruning.ranking import Scores
from benchmark.pruning.units import Members, Units, chosen_of, live_units, masks_of, means_of, shapes_of, unit_breach


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
        return _keep(scores, self.units(shapes_of(scores)), self.kept, density, among)

    def breach(self, masks: Masks, density: float) -> str | None:
        units = self.units(shapes_of(masks))
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
    """Output channels, each with all weights that read it or are tied to it. Removing some leaves a smaller network.

    The density is the share of channels that are kept over all layers; each layer keeps at least one. A channel's score
    is the mean over its weights.

    Args:
        members: the channels that each weight is in (from `benchmark.training.channel_tracing.trace`).
        layers: int64 [channels], the layer, or the set of tied layers, that each channel belongs to.
        norms: the channels that norm layers with a scale normalise, by the name of the scale: int64 of its shape, -1
            for no channel. A channel may pass through several norm layers.
    """

    members: Members = field(default_factory=dict, repr=False)
    layers: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64), repr=False)
    norms: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    name: str = field(default="channels", init=False)

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        return _keep(scores, self.units(shapes_of(scores)), self.kept, density, among)

    def breach(self, masks: Masks, density: float) -> str | None:
        units = self.units(shapes_of(masks))
        return unit_breach(masks, units, self.kept(density, units), "channels")

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {name: "no channel that can be removed runs through it" for name in shapes if name not in self.members}

    def kept(self, density: float, units: Units) -> int:
        """The number of channels that a density keeps, at least one of each layer."""
        return max(round(density * units.count), len(torch.unique(self.layers)))

    def units(self, shapes: Mapping[str, torch.Size]) -> Units:
        """The channels that were traced. The shapes are not used."""
        return Units(self.members, len(self.layers), self.layers)


def _keep(
    scores: Scores, units: Units, kept: Callable[[float, Units], int], density: float, among: Masks | None
) -> Masks:
    """Keep the units with the highest mean score."""
    means = means_of(scores, units)
    live = torch.ones(units.count, dtype=torch.bool) if among is None else live_units(among, units)
    chosen = chosen_of(means, units, kept(density, units), live)
    return masks_of(chosen, units.members, shapes_of(scores), next(iter(scores.values())).device)
