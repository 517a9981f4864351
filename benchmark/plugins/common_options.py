"""Options that every task has; a cell has them only if they are given. `variations` has what they change."""

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
        Option("part", Count, None, "one part alone of a stream, by its number from 1: a task like any other"),
        Option("examples", Count, None, "use this many training examples, in one fixed order: 100 are a subset of 200"),
        Option("precision", Literal["float32", "bfloat16"], None, "the precision of the forward pass"),
        Option("loss", Literal[tuple(LOSSES)], None, "the training loss of a classifier, with options of its own"),
    )
}
"""The common options by name."""


RESERVED = {*COMMON, *(name for options in OPTIONS.values() for name in options)}
"""Names that no task can give an option of its own."""


def options_for(given: Mapping[str, Any]) -> dict[str, Option]:
    """The common options that apply: those that are given, and those of the loss that is given."""
    asked = {name: option for name, option in COMMON.items() if name in given}
    return asked | dict(OPTIONS.get(str(given.get("loss")), {}))
