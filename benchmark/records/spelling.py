"""Options of plug-ins: the keyword-only parameters of a function, typed, validated, and told in its docstring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmark.errors import UsageError

NO_VALUE = "none"
"""How an option without a value is written."""


@dataclass(frozen=True)
class Choice:
    """A name with options, as in `imp:rewind=0.1`."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def having(self, option: str) -> Choice:
        """The same with a further option, `name=value`. Raises UsageError where it is not of that form."""
        key, _, value = option.partition("=")
        if not (key and value):
            raise UsageError(f"option '{option}' of '{self.name}' has no value; write {self.name}:OPTION=VALUE")
        return Choice(self.name, {**self.options, key: value})


def choices(texts: Iterable[str]) -> list[Choice]:
    """`granet:init_density=0.5,end=0.6,snip` is granet with two options, and snip.

    Raises:
        UsageError: an option without a value, or before any name.
    """
    chosen: list[Choice] = []
    for piece in filter(None, (piece.strip() for text in texts for piece in text.split(","))):
        name, _, option = piece.partition(":")
        if "=" in name and not chosen:
            raise UsageError(f"option '{piece}' comes before any name; write NAME:{piece}")
        if "=" in name:  # a further option of the name before
            chosen[-1] = chosen[-1].having(piece)
        else:
            chosen.append(Choice(name).having(option) if option else Choice(name))
    return chosen


def spelled(name: str, options: Mapping[str, Any]) -> str:
    """A name with options, as it stands on the command line: `imp:fraction=0.2,rewind=0`."""
    listed = ",".join(f"{option}={NO_VALUE if value is None else value}" for option, value in options.items())
    return f"{name}:{listed}" if listed else name


def unusual(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that are not at their default."""
    return {name: value for name, value in options.items() if name not in defaults or value != defaults[name]}


def named(choice: Choice, name: str, options: Mapping[str, Any]) -> bool:
    """Whether `imp:rewind=0.1` is this name with these options; what it does not mention may be anything."""
    return choice.name == name and all(k in options and _same(options[k], v) for k, v in choice.options.items())


def _same(value: Any, text: str) -> bool:
    """An option's value and what stands for it on the command line: `1e-1` is 0.1, `true` is True."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).lower() == text.lower()
    try:
        return float(text) == value
    except ValueError:
        return False
