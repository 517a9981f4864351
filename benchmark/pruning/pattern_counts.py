"""Computes how many weights a pattern keeps from names and sizes, so that records can be checked without torch."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

NAMED = ("global", "layer", "channels", "fan-in")
"""The patterns that have no numbers in their names."""


@dataclass(frozen=True)
class Counts:
    """The numbers of kept weights that a pattern fixes.

    Args:
        network: the number for the whole network; None if the pattern does not fix it.
        tensors: the number for each tensor, by name; empty if the pattern does not fix them.
    """

    network: int | None = None
    tensors: Mapping[str, int] = field(default_factory=dict)


def counts(pattern: str, sizes: Mapping[str, int], density: float, exempt: Collection[str] = ()) -> Counts:
    """The numbers of weights that a pattern keeps at a density. Blocks, channels and fan-in do not fix them.

    Args:
        pattern: its name on the command line: `global`, `layer`, `2:4`, ...
        sizes: the number of weights of each tensor, by name.
        exempt: the tensors that the pattern cannot be applied to, which stay dense.
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


def require_pattern(name: str) -> None:
    """Raise ValueError if there is no pattern of this name: `global`, `layer`, `2:4`, `blocks:4x4`, ..."""
    group = group_of(name)
    if name in NAMED or size_of_blocks(name) or (group and group[0] <= group[1]):
        return
    raise ValueError(
        f"no pattern named '{name}'; there are global, layer, channels, fan-in, N:M with 0 < N <= M, such as 2:4, "
        "and blocks:RxC, such as blocks:4x4"
    )


def size_of_blocks(pattern: str) -> tuple[int, int] | None:
    """(R, C) of a pattern `blocks:RxC`; None for other patterns."""
    match = re.fullmatch(r"blocks:([1-9]\d*)x([1-9]\d*)", pattern)
    return (int(match[1]), int(match[2])) if match else None


def group_of(pattern: str) -> tuple[int, int] | None:
    """(N, M) of a pattern `N:M`; None for other patterns."""
    match = re.fullmatch(r"([1-9]\d*):([1-9]\d*)", pattern)
    return (int(match[1]), int(match[2])) if match else None
