"""What tables and curves are made of: the few values of a record that a line of a leaderboard needs."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from benchmark.records.cell import Cell
from benchmark.records.record import Ranking, Record, Status


class Answer(Protocol):
    """A whole record, or what tables need of it."""

    @property
    def key(self) -> str: ...
    @property
    def cell(self) -> Cell: ...
    @property
    def group(self) -> str: ...
    @property
    def status(self) -> Status: ...
    @property
    def ranking(self) -> Ranking: ...
    @property
    def score(self) -> float | None: ...
    @property
    def validated(self) -> float | None: ...
    @property
    def spent(self) -> tuple[float, ...]: ...
    @property
    def own_seconds(self) -> float: ...
    @property
    def made_again(self) -> bool: ...
    @property
    def edited(self) -> bool: ...


class Outcome(NamedTuple):
    """An `Answer` without the rest of its record, a tenth of its size. Each field is the record's of that name."""

    key: str
    cell: Cell
    group: str
    status: Status
    ranking: Ranking
    score: float | None
    validated: float | None
    spent: tuple[float, ...]
    own_seconds: float
    made_again: bool
    edited: bool


def outcome(record: Record) -> Outcome:
    """Of this record."""
    return Outcome(*(getattr(record, name) for name in Outcome._fields))
