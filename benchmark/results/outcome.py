"""Defines an outcome: the few values of a record that leaderboards and figures need."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from benchmark.results.cell import Cell
from benchmark.results.record import Ranking, Record, Status


class Answer(Protocol):
    """The values that tables need of a record; `Record` and `Outcome` both provide them."""

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
    @property
    def in_parts(self) -> bool: ...
    @property
    def data(self) -> str: ...
    @property
    def code(self) -> tuple[str, str]: ...
    @property
    def remarked(self) -> bool: ...
    @property
    def unrefereed(self) -> bool: ...


class Outcome(NamedTuple):
    """The values of a record that tables need, in a tenth of its size. Fields are named as in `Record`."""

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
    in_parts: bool
    remarked: bool
    unrefereed: bool
    data: str
    code: tuple[str, str]


def outcome(record: Record) -> Outcome:
    """Return the outcome of a record."""
    return Outcome(*(getattr(record, name) for name in Outcome._fields))
