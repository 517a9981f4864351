"""The cells to run, and the functions that are told about their results: what a launcher is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmark.harness.question import Method, Settings
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.sweep.since import Since
from benchmark.sweep.started import Limits

Done = Callable[[Record], None]
"""Called with a record. It raises to end the sweep."""


class Running(Protocol):
    """A cell that is being run.

    Attributes:
        since: when it was started, by `time.monotonic`.
        steps: the training steps that were last reported; 0 if none were.
    """

    @property
    def cell(self) -> Cell: ...

    @property
    def since(self) -> float: ...

    @property
    def steps(self) -> int: ...


Progress = Callable[[Sequence[Running], int], None]
"""Called several times a second with the cells that are running, and the number of those that others run."""


def silent(running: Sequence[Running], elsewhere: int) -> None:
    """Shows nothing."""


def unheard(sentence: str) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Work:
    """The cells of a sweep that have no answer yet.

    Args:
        settings: the settings in which they are run on this machine.
        store: where the records are kept. What is there counts, whoever has made it.
        done: called with every record, which is stored by then, and with those of killed workers, which are not.
        theirs: called with the records of other drivers that share the results folder; by default `done`.
        algorithms: those whose declarations are known already, by name.
        handover: where to keep what the last cell has handed over.
        since: distinguishes the records that others make from older ones; by default, those made after the start.
        say: called with a sentence that whoever waits for the cells should read.
    """

    cells: Sequence[Cell]
    settings: Settings
    store: Store
    done: Done
    theirs: Done | None = None
    progress: Progress = silent
    limits: Limits = field(default_factory=Limits)
    algorithms: Mapping[str, Method] = field(default_factory=dict)
    handover: Path | None = None
    since: Since | None = None
    say: Callable[[str], None] = unheard

    def take(self, record: Record) -> None:
        """Report a record that another driver has made."""
        (self.theirs or self.done)(record)
