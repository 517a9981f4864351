"""Caches the outcomes of records in a file, so that records read before need not be parsed again.

Outcomes are looked up by the SHA-256 of the record's bytes, which are read every time. An edited record therefore has a
new digest, and no entry can be stale.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import pydantic

from benchmark.files import CacheFile
from benchmark.results.cell import Cell
from benchmark.results.outcome import Outcome, outcome
from benchmark.results.reading import read
from benchmark.results.record import Ranking

FEW = 500
"""Below this number of records, reading them is as fast without a cache."""

WORTH = 0.02
"""Share of new records above which the file is rewritten."""


class OutcomeCache:
    """The outcomes of a results folder, by digest of the record's bytes."""

    def __init__(self, root: Path) -> None:
        self._file = CacheFile("outcomes", root, _code)
        self._known: dict[str, Outcome] | None = None
        self._seen: dict[str, Outcome] = {}
        self._new = 0

    def outcome(self, content: bytes) -> Outcome:
        """Return the outcome of the record in these bytes. Raises ValueError if they are not a record."""
        if self._known is None:
            self._known = _load(self._file)
        digest = hashlib.sha256(content.rstrip(b"\n")).hexdigest()
        known = self._known.get(digest)
        if known is None:
            known = outcome(read(content))
            self._new += 1
        self._seen[digest] = known
        return known

    def save(self) -> None:
        """Write the outcomes looked up so far, if enough of them are new. Outcomes not looked up are dropped."""
        if len(self._seen) >= FEW and self._new > WORTH * len(self._seen):
            self._file.save(_columns(self._seen))


def _load(file: CacheFile) -> dict[str, Outcome]:
    """The outcomes in the file; empty if it cannot be used."""
    try:
        return _outcomes(file.load())
    except (OSError, ValueError, TypeError, KeyError):
        return {}


READ_BY = ("cell", "starts", "spelling", "numbers", "record", "digest", "reading", "outcome", "outcome_cache")
"""The modules that outcomes depend on."""


@cache
def _code() -> bytes:
    """Return a digest of what outcomes depend on besides the records: the code that reads them, and pydantic."""
    here = Path(__file__).parent
    code = b"".join((here / f"{name}.py").read_bytes() for name in READ_BY)
    return hashlib.sha256(code + pydantic.VERSION.encode()).digest()


def _columns(seen: dict[str, Outcome]) -> dict[str, Any]:
    """Return outcomes as lists, one per column, with the values that a group shares stored once."""
    places: dict[tuple[Any, ...], int] = {}
    shared: list[Any] = []
    for one in seen.values():
        if _shared(one) not in places:
            places[_shared(one)] = len(shared)
            cell, ranking = one.cell.model_dump(mode="json"), one.ranking.model_dump()
            shared.append([one.group, cell, ranking, one.data, one.code])
    outcomes = list(seen.values())
    return {
        "shared": shared,
        "digest": list(seen),
        "place": [places[_shared(one)] for one in outcomes],
        "seed": [one.cell.seed for one in outcomes],
        "spent": list(zip(*(one.spent for one in outcomes), strict=True)),
    } | {name: [getattr(one, name) for one in outcomes] for name in PLAIN}


def _shared(one: Outcome) -> tuple[Any, ...]:
    """The values that the outcomes of a group usually share."""
    return one.group, one.ranking.metric, one.ranking.direction, one.data, one.code


PLAIN = (
    "key",
    "status",
    "score",
    "validated",
    "own_seconds",
    "made_again",
    "edited",
    "in_parts",
    "remarked",
    "unrefereed",
)
"""Fields of an outcome that are written as they are."""


def _outcomes(columns: dict[str, Any]) -> dict[str, Outcome]:
    shared = [
        (group, Cell.model_validate(cell), Ranking.model_validate(ranking), data, tuple(code))
        for group, cell, ranking, data, code in columns["shared"]
    ]
    plain = zip(*(columns[name] for name in PLAIN), strict=True)
    spent = zip(*columns["spent"], strict=True)
    by_digest = {}
    for digest, place, seed, cost, (key, status, score, validated, seconds, *marks) in zip(
        columns["digest"], columns["place"], columns["seed"], spent, plain, strict=True
    ):
        group, cell, ranking, data, code = shared[place]
        cell = cell.model_copy(update={"seed": seed})
        values = (key, cell, group, status, ranking, score, validated, cost, seconds, *marks, data, code)
        by_digest[digest] = Outcome._make(values)
    return by_digest
