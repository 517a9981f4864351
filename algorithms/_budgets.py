"""Layer budgets: how many weights each tensor keeps when a method, not a ranking, decides. Exact in total."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from torch import Size

Shapes = Mapping[str, Size]
Distribution = Literal["uniform", "erk"]


def budgets(distribution: Distribution, shapes: Shapes, density: float) -> dict[str, int]:
    """Weights kept per tensor, summing to round(density * N)."""
    densities = {"uniform": uniform, "erk": erk}[distribution](shapes, density)
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    return allocate({name: densities[name] * sizes[name] for name in shapes}, round(density * sum(sizes.values())))


def uniform(shapes: Shapes, density: float) -> dict[str, float]:
    """The same density everywhere."""
    return dict.fromkeys(shapes, density)


def erk(shapes: Shapes, density: float) -> dict[str, float]:
    """Erdos-Renyi-kernel: density of a tensor ~ sum(shape) / prod(shape), capped at 1 (Evci et al., 2020, sec. 3).

    Where the scaled density would pass 1, the tensors that pass it by most are dense and the others share the rest.
    """
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    raw = {name: sum(shape) / math.prod(shape) for name, shape in shapes.items()}
    dense: set[str] = set()
    while len(dense) < len(raw):
        budget = density * sum(sizes.values()) - sum(sizes[name] for name in dense)
        scale = budget / sum(raw[name] * sizes[name] for name in raw if name not in dense)
        largest = max(raw[name] for name in raw if name not in dense)
        if scale * largest <= 1:
            return {name: 1.0 if name in dense else scale * raw[name] for name in raw}
        dense |= {name for name in raw if raw[name] == largest}
    return dict.fromkeys(shapes, 1.0)


def allocate(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers next to `shares` that sum to `total`: largest remainder first, then the earlier."""
    counts = {name: math.floor(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: counts[name] - shares[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts
