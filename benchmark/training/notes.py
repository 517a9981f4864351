"""Collects what readers of a record have to know about a run: calls without effect, rankings by position."""

from __future__ import annotations

from benchmark.pruning.masks import Masks, Ties

MASS_OF_TIES = 0.01
"""Share of the kept weights that may be chosen by position alone before a note says so."""


class Notes:
    """The notes of a run, a sentence each, in `texts`."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._ties = Ties()
        self._learned = 0

    def add(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.texts:
            self.texts.append(text)

    def trained(self, updates: int) -> None:
        """A training to the end of the schedule is to make so many updates."""
        if not updates:
            self.add("a training to the end of the schedule made no step: the schedule was at its end already")

    def learned(self, updates: int) -> None:
        """So many updates of scores were made, which have to show in masks, weights or graphs from here on."""
        self._learned += updates

    def followed(self) -> None:
        """Masks, weights or graphs were changed, so that scores that were learned before are of use."""
        self._learned = 0

    def pruned(self, masks: Masks) -> None:
        """These masks were applied."""
        self._ties = max(self._ties, masks.ties, key=lambda ties: ties.arbitrary)
        self.followed()

    def complete(self, kept: int) -> None:
        """Add what is known only at the end, when `kept` weights are left."""
        if self._learned:
            self.add(f"{self._learned:,} updates of scores were thrown away: no masks or weights followed")
        if self._ties.arbitrary > MASS_OF_TIES * kept:
            self.add(_tied(self._ties))


def _tied(ties: Ties) -> str:
    first = sorted(ties.layers.items(), key=lambda pair: -pair[1])
    layers = ", ".join(f"{name} {count:,}" for name, count in first[:5])
    more = f" and {len(first) - 5} more" if len(first) > 5 else ""
    head = f"{ties.total:,} weights had the same score at a cut, and the first {ties.kept:,} were kept"
    return f"{head}: {layers}{more}"
