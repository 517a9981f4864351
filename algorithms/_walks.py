"""Random walks through the layers of a network, many at a time, from its inputs or from its outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from benchmark.scores import Tensors

Stage = tuple[tuple[str, ...], ...]
"""The ways from one place of a network to the next, each the names of tensors in order: a walk takes one of them."""


def stages(shapes: Mapping[str, Sequence[int]]) -> list[Stage]:
    """The tensors [outputs, inputs, ...] of a network in order, as walks from its inputs pass them.

    A projection lies beside tensors that came before: it reads what the first of them reads, and not what the last one
    writes, but writes as many. Walks pass either them or it.
    """
    found: list[Stage] = []
    for name, (outputs, inputs, *_) in shapes.items():
        beside = [at for at, (way, *_) in enumerate(found) if shapes[way[0]][1] == inputs]
        width = shapes[found[-1][0][-1]][0] if found else inputs
        if beside and inputs != width == outputs:
            around = tuple(name for way, *_ in found[beside[-1] :] for name in way)
            found[beside[-1] :] = [(around, (name,))]
        else:
            found.append(((name,),))
    return found


def turned(route: Sequence[Stage]) -> list[Stage]:
    """The same route from the other end."""
    return [tuple(way[::-1] for way in stage) for stage in reversed(route)]


class Crossing:
    """How walks cross a tensor: from a unit, by a weight drawn with probability |w| / sum of |w| over the unit's.

    Args:
        weight: [outputs, inputs, *kernel].
        back: walks come from its outputs, and not from its inputs.

    Attributes:
        width, beyond: the numbers of units on the side that walks come from, and on the other.
    """

    def __init__(self, weight: Tensor, *, back: bool) -> None:
        sizes = weight.detach().cpu().double().abs().reshape(*weight.shape[:2], -1)
        places = torch.arange(weight.numel()).view(sizes.shape)
        if not back:
            sizes, places = sizes.transpose(0, 1), places.transpose(0, 1)
        (self.width, self.beyond, self._kernel), rows = sizes.shape, sizes.flatten(1)
        rows = torch.where(rows.sum(dim=1, keepdim=True) > 0, rows, 1.0)  # from a unit without weights, any
        self._ends, self._places = torch.cat([rows.new_zeros(1), rows.flatten()]).cumsum(0), places.flatten()

    def crossed(self, units: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """From units to the places of the weights in the flat tensor, and to the units behind them; all int64 [n]."""
        choices = self.beyond * self._kernel
        first = units * choices
        low, high = self._ends[first], self._ends[first + choices]
        point = low + (high - low) * torch.rand(len(units), generator=rng, dtype=torch.float64)
        at = torch.searchsorted(self._ends, point, right=True) - 1
        at = torch.minimum(torch.maximum(at, first), first + choices - 1)  # where a sum was rounded
        return self._places[at], (at - first) // self._kernel


def crossings(weights: Tensors, *, back: bool) -> dict[str, Crossing]:
    """Of every tensor."""
    return {name: Crossing(weight, back=back) for name, weight in weights.items()}


def walks(
    route: Sequence[Stage], crossing: Mapping[str, Crossing], units: Tensor, rng: torch.Generator
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Walk along a route from each of the units; yield the name of a tensor, which walks cross it, and at which places.

    Args:
        units: int64 [walks], where they begin.
    """
    units, width = units.clone(), crossing[route[0][0][0]].width
    for stage in route:
        taken, beyond = torch.randint(len(stage), units.shape, generator=rng), width
        for number, way in enumerate(stage):
            which, beyond = (taken == number).nonzero().flatten(), width
            for name in way:
                at = carried(units[which], beyond, crossing[name].width, rng)
                places, units[which] = crossing[name].crossed(at, rng)
                beyond = crossing[name].beyond
                yield name, which, places
        width = beyond


def carried(units: Tensor, width: int, other: int, rng: torch.Generator) -> Tensor:
    """From units of one layer's side to those of the next, which has as many, or several positions of each, flattened.

    Where neither is so, units are drawn at random.
    """
    if other % width == 0:
        times = other // width
        return units * times + torch.randint(times, units.shape, generator=rng)
    if width % other == 0:
        return units // (width // other)
    return torch.randint(other, units.shape, generator=rng)
