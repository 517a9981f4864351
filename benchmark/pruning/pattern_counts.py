"""How many weights a pattern keeps, from names and sizes alone: records are checked with it where there is no torch."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Counts:
    """What a pattern fixes: the weights kept in the whole network, or in each tensor.

    Args:
        network: None where the pattern does not fix it.
        tensors: by name; empty where the pattern does not fix them.
    """

    network: int | None = None
    tensors: Mapping[str, int] = field(default_factory=dict)


def counts(pattern: str, sizes: Mapping[str, int], density: float, exempt: Collection[str] = ()) -> Counts:
    """What a pattern keeps of tensors of these sizes at a density. Of blocks and channels, only the mask tells.

    Args:
        pattern: as on the command line: `global`, `layer`, `2:4`, ...
        exempt: tensors that the pattern cannot cover, and leaves dense.
    """
    if pattern == "global":
        return Counts(network=round(density * sum(sizes.values())))
    if pattern == "layer":
        return Counts(tensors={name: round(density * size) for name, size in sizes.items()})
    if group := group_of(pattern):
        _, m = group
        kept = round(density * m)
        return Counts(tensors={name: size if name in exempt else kept * size // m for name, size in sizes.items()})
    return Counts()


def group_of(pattern: str) -> tuple[int, int] | None:
    """(N, M) of a pattern `N:M`; None for another pattern."""
    match = re.fullmatch(r"([1-9]\d*):([1-9]\d*)", pattern)
    return (int(match[1]), int(match[2])) if match else None
