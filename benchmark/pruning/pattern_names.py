"""Turns the name of a pattern on the command line, such as `2:4`, into the pattern."""

from __future__ import annotations

from benchmark.pruning.fan_in import FanIn
from benchmark.pruning.pattern_counts import group_of, require_pattern, size_of_blocks
from benchmark.pruning.patterns import Anywhere, Layer, NofM, Pattern
from benchmark.pruning.structured import Blocks, Channels


def pattern_named(name: str) -> Pattern:
    """The pattern with this name: `global`, `layer`, `channels`, `fan-in`, `N:M` (`2:4`), `blocks:RxC` (`blocks:4x4`).

    `channels` returns a pattern without channels; `benchmark.training.channel_tracing.trace` finds those of a network.

    Raises:
        ValueError: there is no such pattern.
    """
    require_pattern(name)
    if size := size_of_blocks(name):
        return Blocks(*size)
    if group := group_of(name):
        return NofM(*group)
    plain: dict[str, type[Pattern]] = {"global": Anywhere, "layer": Layer, "channels": Channels, "fan-in": FanIn}
    return plain[name]()
