"""The referees of a sweep, each of which judges one cell at a time.

As a rule there is one. If processors are idle because the remaining cells wait to be judged, more are started.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from benchmark.harness.question import Settings
from benchmark.sweep.channel import Channel, Message
from benchmark.sweep.fork_server import forked
from benchmark.sweep.referee_process import preside
from benchmark.sweep.started import Started


@dataclass(eq=False)
class Referee:
    """A referee, as the leading process of the sweep sees it.

    Attributes:
        judging: the cell that it is judging; None if it is free.
        opened: the setting whose data it has read.
    """

    process: ForkServerProcess
    channel: Channel
    judging: Started | None = None
    opened: str = ""

    def judge(self, started: Started, message: Message) -> None:
        """Give it a cell."""
        self.judging, self.opened = started, started.cell.setting
        with suppress(EOFError):  # it has ended: it is found out when its answers are asked for
            self.channel.send(**message)

    def answers(self) -> Iterator[tuple[Started, Message]]:
        """Its messages about its cell. Raises EOFError if it has ended."""
        for message in self.channel.poll():
            started, self.judging = self.judging, None
            if started:
                yield started, message

    def end(self) -> None:
        """End it."""
        self.process.kill()  # before its channel is closed, of which it would complain
        self.process.join()
        self.channel.close()


@dataclass
class Referees:
    """Has cells judged, in the order in which they were handed over.

    Args:
        root: of the results folder, where they write records.
    """

    settings: Settings
    root: Path
    all: list[Referee] = field(default_factory=list)
    _waiting: list[tuple[Started, Message]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._call()

    @property
    def connections(self) -> list[Connection]:
        """Where their answers come from."""
        return [referee.channel.connection for referee in self.all]

    def ask(self, started: Started, message: Message) -> None:
        """Have a cell judged when its turn comes."""
        self._waiting.append((started, message))

    def assign(self, most: int) -> None:
        """Give cells to referees that are free, as long as no more than `most` are at work."""
        while self._waiting and sum(referee.judging is not None for referee in self.all) < most:
            started, message = self._waiting.pop(0)
            self._free(started.cell.setting).judge(started, message)

    def answers(self) -> Iterator[tuple[Started, Message]]:
        """Their messages about cells; if one has ended, its exit code, for the cell that it was judging."""
        for referee in list(self.all):
            try:
                yield from referee.answers()
            except EOFError:
                self.all.remove(referee)
                referee.end()
                if referee.judging:
                    yield referee.judging, {"ended": referee.process.exitcode}

    def end(self) -> None:
        """End them all."""
        for referee in self.all:
            referee.end()

    def _free(self, setting: str) -> Referee:
        """A free referee, preferably with the data of this setting; a new one if all are at work."""
        free = [referee for referee in self.all if referee.judging is None]
        return next((one for one in free if one.opened == setting), None) or (free[0] if free else self._call())

    def _call(self) -> Referee:
        referee = Referee(*forked(preside, self.settings, self.root))
        self.all.append(referee)
        return referee
