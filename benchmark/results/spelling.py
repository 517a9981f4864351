"""Parses and writes names with options, such as `imp:fraction=0.2,rewind=0`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmark.errors import UsageError

NAME = r"[a-z0-9][a-z0-9_-]*"
"""Pattern of the names of algorithms, tasks, models and budgets. Some of them are names of folders."""

LONGEST_NAME = 200
"""Characters of the name of an algorithm, task, model, pattern, budget, metric or option. Some are names of folders."""

LONGEST_TEXT = 1000
"""Characters of the value of an option."""

NO_VALUE = "none"
"""How the value None of an option is written."""


@dataclass(frozen=True)
class Choice:
    """A name with options as typed, for instance `imp:rewind=0.1`. Values are strings."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def having(self, option: str) -> Choice:
        """Return the choice with a further option, given as `name=value`. Raises UsageError if it has another form."""
        key, _, value = option.partition("=")
        if not (key and value):
            raise UsageError(f"option '{option}' of '{self.name}' has no value; write {self.name}:OPTION=VALUE")
        return Choice(self.name, {**self.options, key: value})


def choices(texts: Iterable[str]) -> list[Choice]:
    """Parse names with options: `granet:init_density=0.5,end=0.6,snip` is granet with two options, and snip.

    Raises:
        UsageError: an option has no value, or comes before any name; a name or value is too long.
    """
    chosen: list[Choice] = []
    for piece in filter(None, (piece.strip() for text in texts for piece in text.split(","))):
        name, _, option = piece.partition(":")
        _check_length(name, LONGEST_NAME + LONGEST_TEXT if "=" in name else LONGEST_NAME)
        _check_length(option, LONGEST_NAME + LONGEST_TEXT)
        if "=" in name and not chosen:
            raise UsageError(f"option '{piece}' comes before any name; write NAME:{piece}")
        if "=" in name:  # a further option of the previous name
            chosen[-1] = chosen[-1].having(piece)
        else:
            chosen.append(Choice(name).having(option) if option else Choice(name))
    return chosen


def only_choice(text: str) -> Choice:
    """Parse one name with options that may be lists: `lottery:rounds=2,8,seeds=5` has two options.

    In square brackets a value may contain whole names: `ticket-transfer:targets=[sst2:length=40,rate=0.1;mlm],steps=9`.

    Raises:
        UsageError: as for `choices`; also for several names, or an unmatched bracket.
    """
    name, _, options = text.partition(":")
    if "," in name:
        raise UsageError(f"'{name}' has {name.count(',') + 1} names; ask one at a time")
    given: list[str] = []
    for piece in _outside_brackets(options):
        if "=" in piece or not given:
            given.append(piece)
        else:  # a further value of the previous option
            given[-1] += f",{piece}"
    chosen = Choice(name.strip())
    for option in given:
        _check_length(option, LONGEST_NAME + LONGEST_TEXT)
        chosen = chosen.having(re.sub(r"^([^=]*)=\[(.*)\]$", r"\1=\2", option))
    _check_length(chosen.name, LONGEST_NAME)
    return chosen


def _outside_brackets(text: str) -> list[str]:
    """The pieces between commas outside square brackets, without those that are empty."""
    if not re.fullmatch(r"(?:\[[^\[\]]*\]|[^\[\]])*", text):
        raise UsageError(f"'{text}' has square brackets that do not match, or that lie inside others")
    pieces = re.findall(r"(?:\[[^\]]*\]|[^,\[])+", text)
    return [stripped for piece in pieces if (stripped := piece.strip())]


def bracketed(value: Any) -> Any:
    """Return a value as `only_choice` reads it: in square brackets if it contains options of its own."""
    return f"[{value}]" if isinstance(value, str) and "," in value and "=" in value else value


def _check_length(text: str, longest: int) -> None:
    if len(text) > longest:
        raise UsageError(f"'{text[:40]}...' has {len(text):,} characters, and {longest:,} are the most")


def spelled(name: str, options: Mapping[str, Any]) -> str:
    """Return a name with options as written on the command line: `imp:fraction=0.2,rewind=0`."""
    listed = ",".join(f"{option}={NO_VALUE if value is None else value}" for option, value in options.items())
    return f"{name}:{listed}" if listed else name


def unusual(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that differ from their default."""
    return {name: value for name, value in options.items() if name not in defaults or value != defaults[name]}


def named(choice: Choice, name: str, options: Mapping[str, Any]) -> bool:
    """Return whether a choice matches a name and its options. Options that the choice omits may have any value."""
    return choice.name == name and all(k in options and _same(options[k], v) for k, v in choice.options.items())


def _same(value: Any, text: str) -> bool:
    """Return whether text on the command line means a value: `1e-1` is 0.1, `true` is True."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).lower() == text.lower()
    try:
        return float(text) == value
    except ValueError:
        return False
