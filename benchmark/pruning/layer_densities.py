"""Rules for layer densities: how many weights each tensor keeps, for methods that do not rank across layers.

The numbers of kept weights always sum to exactly what the density of the network asks for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

from torch import Size

from benchmark.errors import Inapplicable

Shapes = Mapping[str, Size]
"""The shape of each prunable tensor, by name."""

Densities = dict[str, float]
"""The density of each tensor, by name. A negative one means that the rule cannot meet the total."""

Distribution = Literal[
    "uniform", "uniform-first", "uniform+", "er", "erk", "erk-first", "smart-ratio", "smart-ratio-vgg", "igq"
]


def weights_per_layer(distribution: Distribution, shapes: Shapes, density: float) -> dict[str, int]:
    """The number of weights that each tensor keeps; they sum to round(density * N). It may be 0 for a tensor.

    Raises:
        Inapplicable: the rule cannot meet this density on this network.
    """
    densities = _RULES[distribution](shapes, density)
    if any(share < 0 for share in densities.values()):
        raise Inapplicable(f"distribution '{distribution}' cannot meet density {density:g} on this network")
    sizes = _sizes(shapes)
    return allocate({name: densities[name] * sizes[name] for name in shapes}, round(density * sum(sizes.values())))


def uniform(shapes: Shapes, density: float) -> Densities:
    """The same density everywhere."""
    return dict.fromkeys(shapes, density)


def uniform_first(shapes: Shapes, density: float) -> Densities:
    """The first tensor dense, the others at one density (Evci et al., 2020)."""
    return _around(shapes, density, {next(iter(shapes)): 1.0})


def uniform_plus(shapes: Shapes, density: float) -> Densities:
    """The first convolution dense, the classifier at 0.2 or above, the others at one density (Gale et al., 2019)."""
    names = list(shapes)
    fixed = {names[0]: 1.0} if len(shapes[names[0]]) > 2 else {}
    return _around(shapes, density, fixed | ({names[-1]: 0.2} if density < 0.2 else {}))


def er(shapes: Shapes, density: float) -> Densities:
    """Erdos-Renyi: density of a tensor ~ (n_in + n_out) / (n_in n_out) (Mocanu et al., 2018)."""
    return _proportional(shapes, density, {name: sum(s[:2]) / math.prod(s[:2]) for name, s in shapes.items()})


def erk(shapes: Shapes, density: float) -> Densities:
    """Erdos-Renyi-kernel: density of a tensor ~ sum(shape) / prod(shape) (Evci et al., 2020, sec. 3)."""
    return _proportional(shapes, density, {name: sum(s) / math.prod(s) for name, s in shapes.items()})


def erk_first(shapes: Shapes, density: float) -> Densities:
    """The first tensor dense, the others at ERK's densities for the rest (an option of Liu et al., 2021)."""
    first, *others = shapes
    if not others:
        return {first: -1.0}  # it is fixed, so that the total cannot be met
    raw = {name: sum(s) / math.prod(s) for name, s in shapes.items()}
    return _proportional(shapes, density, raw, frozenset({first}))


def smart_ratio(shapes: Shapes, density: float, power: int = 0) -> Densities:
    """Densities ~ ((L-l+1)^2 + (L-l+1)) / l^power, which fall with depth l; the classifier at 0.3 (Su et al., 2020).

    See section 4.1 of the paper. If a density would be above 1, the surplus goes to the next layers in order.
    """
    *body, head = shapes
    sizes, depth = _sizes(shapes), len(shapes)
    raw = {name: ((depth - place) ** 2 + depth - place) / (place + 1) ** power for place, name in enumerate(body)}
    budget = density * sum(sizes.values()) - 0.3 * sizes[head]
    if not body or budget > sum(sizes[name] for name in body):
        return dict.fromkeys(shapes, -1.0)  # cannot be met with the classifier at 0.3
    scale = budget / sum(raw[name] * sizes[name] for name in body)
    quotas = {name: scale * raw[name] * sizes[name] for name in body}
    kept, surplus = dict.fromkeys(body, 0.0), 0.0
    for name in (*body, *body):  # the second round puts the last layer's surplus into the first layers with room
        quota = quotas.pop(name, kept[name]) + surplus
        kept[name] = min(quota, sizes[name])
        surplus = quota - kept[name]
    return {name: kept[name] / sizes[name] for name in body} | {head: 0.3}


def igq(shapes: Shapes, density: float) -> Densities:
    """Ideal-gas quotas: density 1 / (1 + F n) for a tensor of n weights (Vysogorets & Kempe, 2023).

    The force F is chosen so that the total is met.
    """
    from scipy.optimize import brentq

    sizes = _sizes(shapes)
    if density == 1:
        return dict.fromkeys(shapes, 1.0)

    def surplus(log_force: float) -> float:
        return sum(n / (1 + math.exp(log_force) * n) for n in sizes.values()) - density * sum(sizes.values())

    force = math.exp(brentq(surplus, -60, 60, xtol=1e-12))
    return {name: 1 / (1 + force * n) for name, n in sizes.items()}


def allocate(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Round `shares` to whole numbers that sum to `total`: up for the largest remainders, the first of equal ones."""
    counts = {name: math.floor(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: counts[name] - shares[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _around(shapes: Shapes, density: float, fixed: Densities) -> Densities:
    """The `fixed` densities, and for all other tensors the one density that meets the total."""
    sizes = _sizes(shapes)
    free = sum(size for name, size in sizes.items() if name not in fixed)
    if not free:
        return dict.fromkeys(shapes, -1.0)  # all are fixed, so that the total cannot be met
    rest = (density * sum(sizes.values()) - sum(fixed[name] * sizes[name] for name in fixed)) / free
    return {name: fixed.get(name, rest) for name in shapes}


def _proportional(
    shapes: Shapes, density: float, raw: Mapping[str, float], fixed: frozenset[str] = frozenset()
) -> Densities:
    """Densities ~ `raw` that meet the total. Tensors that would be above 1 are dense, those most above it first.

    Args:
        fixed: tensors that are dense from the start.
    """
    sizes, dense = _sizes(shapes), set(fixed)
    while len(dense) < len(raw):
        budget = density * sum(sizes.values()) - sum(sizes[name] for name in dense)
        scale = budget / sum(raw[name] * sizes[name] for name in raw if name not in dense)
        largest = max(raw[name] for name in raw if name not in dense)
        if scale * largest <= 1:
            return {name: 1.0 if name in dense else scale * raw[name] for name in raw}
        dense |= {name for name in raw if raw[name] == largest}
    return dict.fromkeys(shapes, 1.0)


def _sizes(shapes: Shapes) -> dict[str, int]:
    return {name: math.prod(shape) for name, shape in shapes.items()}


_RULES: dict[str, Callable[[Shapes, float], Densities]] = {
    "uniform": uniform,
    "uniform-first": uniform_first,
    "uniform+": uniform_plus,
    "er": er,
    "erk": erk,
    "erk-first": erk_first,
    "smart-ratio": smart_ratio,
    "smart-ratio-vgg": lambda shapes, density: smart_ratio(shapes, density, power=2),
    "igq": igq,
}
