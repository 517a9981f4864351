"""Collects what readers of a record should know about a run: calls without effect, rankings decided by position."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmark.pruning.masks import Masks, Ties

LARGEST_NOTES = 2**16
"""The most bytes of JSON that a method may note."""

LARGEST_NUMBER = 1e15
"""The largest number that it may note: larger ones are not exact as floating-point numbers."""

MASS_OF_TIES = 0.01
"""Share of the kept weights that may be chosen by position alone before a note says so."""


class Notes:
    """The notes of a run, a sentence each, in `texts`."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.noted: dict[str, Any] = {}
        self._ties = Ties()
        self._learned = 0

    def add(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.texts:
            self.texts.append(text)

    def note(self, name: str, value: object) -> None:
        """Keep a value under a name. Raises ValueError if it is no JSON, not finite, or too long."""
        try:
            text = json.dumps({**self.noted, name: value}, allow_nan=False)
            noted = json.loads(text, parse_int=partial(_bounded, int), parse_float=partial(_bounded, float))
        except (TypeError, ValueError, RecursionError) as problem:
            raise ValueError(f"note '{name}' is not JSON of finite numbers: {problem}") from None
        if len(text) > LARGEST_NOTES:
            raise ValueError(f"note '{name}' makes {len(text):,} bytes of notes; at most {LARGEST_NOTES:,} are kept")
        self.noted = noted

    def unseen(self, names: Sequence[str]) -> None:
        """Note that the inputs of the layers with these weights could not be observed."""
        if names:
            self.add(f"inputs could not be seen, and count as equal, of {', '.join(names)}")

    def trained(self, updates: int) -> None:
        """Note that a training to the end of the schedule is to make this many updates."""
        if not updates:
            self.add("a training to the end of the schedule made no step: the schedule was at its end already")

    def learned(self, updates: int) -> None:
        """Note that scores were updated this many times, which has to show in masks, weights or graphs from here on."""
        self._learned += updates

    def followed(self) -> None:
        """Note that masks, weights or graphs were changed, so that the scores learned before have had an effect."""
        self._learned = 0

    def pruned(self, masks: Masks) -> None:
        """Note that these masks were applied."""
        self._ties = max(self._ties, masks.ties, key=lambda ties: ties.arbitrary)
        self.followed()

    def complete(self, kept: int) -> None:
        """Add what is known only at the end, when `kept` weights are left."""
        if self._learned:
            self.add(f"{self._learned:,} updates of scores were thrown away: no masks or weights followed")
        if self._ties.arbitrary > MASS_OF_TIES * kept:
            self.add(_tied(self._ties))


def _bounded(kind: Callable[[str], float], text: str) -> float:
    value = kind(text)
    if abs(value) >= LARGEST_NUMBER:
        raise ValueError(f"{text[:40]} is too large")
    return value


def _tied(ties: Ties) -> str:
    first = sorted(ties.layers.items(), key=lambda pair: -pair[1])
    layers = ", ".join(f"{name} {count:,}" for name, count in first[:5])
    more = f" and {len(first) - 5} more" if len(first) > 5 else ""
    head = f"{ties.total:,} weights had the same score at a cut, and the first {ties.kept:,} were kept"
    return f"{head}: {layers}{more}"
