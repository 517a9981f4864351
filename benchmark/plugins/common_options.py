"""Options that every task has, present in a cell only where they are given. `variations` says what they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from benchmark.plugins.losses import LOSSES, OPTIONS
from benchmark.plugins.options import Count, Fraction, Option, Positive

COMMON: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option("rate", Positive, None, "the learning rate, in place of the recipe's"),
        Option("warmup", Fraction, None, "the share of training over which the rate grows from 0"),
        Option("part", Count, None, "of a stream, one part alone, by its number from 1: a task like any other"),
        Option("examples", Count, None, "so many of the training examples, of one draw: 100 of them lie inside 200"),
        Option("precision", Literal["float32", "bfloat16"], None, "of the forward pass"),
        Option("loss", Literal[tuple(LOSSES)], None, "the training loss of a classifier, with options of its own"),
    )
}
"""By name."""


RESERVED = {*COMMON, *(name for options in OPTIONS.values() for name in options)}
"""Names that no task can give an option of its own."""


def options_for(given: Mapping[str, Any]) -> dict[str, Option]:
    """The common options that are asked for: those that are given, and those of the loss that is given."""
    asked = {name: option for name, option in COMMON.items() if name in given}
    return asked | dict(OPTIONS.get(str(given.get("loss")), {}))
