"""Turns the name of a pattern on the command line, such as `2:4`, into the pattern."""

from __future__ import annotations

import re

from benchmark.pruning.fan_in import FanIn
from benchmark.pruning.pattern_counts import group_of
from benchmark.pruning.patterns import Anywhere, Layer, NofM, Pattern
from benchmark.pruning.structured import Blocks, Channels


def pattern_named(name: str) -> Pattern:
    """The pattern with this name: `global`, `layer`, `channels`, `fan-in`, `N:M` (`2:4`), `blocks:RxC` (`blocks:4x4`).

    `channels` returns a pattern without channels; `benchmark.training.channel_tracing.trace` finds those of a network.

    Raises:
        ValueError: there is no such pattern.
    """
    if name == "global":
        return Anywhere()
    if name == "layer":
        return Layer()
    if name == "channels":
        return Channels()
    if name == "fan-in":
        return FanIn()
    if match := re.fullmatch(r"blocks:([1-9]\d*)x([1-9]\d*)", name):
        return Blocks(int(match[1]), int(match[2]))
    if (group := group_of(name)) and group[0] <= group[1]:
        return NofM(*group)
    raise ValueError(
        f"no pattern named '{name}'; there are global, layer, channels, fan-in, N:M with 0 < N <= M, such as 2:4, "
        "and blocks:RxC, such as blocks:4x4"
    )
