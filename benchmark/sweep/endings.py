"""Which trainings of a sweep were made, as its leading process knows it (`benchmark.training.shared_trainings`).

A worker asks before every training that others may have made. Origins share nothing with one another: what a plug-in of
one distribution says about a training is believed only for cells of the same distribution.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from benchmark.files import write
from benchmark.sweep.channel import Channel, Message
from benchmark.training.shared_trainings import Made

Worker = TypeVar("Worker", bound=Hashable)

Place = tuple[str, str]
"""The origin of a plug-in, and the name of a training."""

Waited = list[tuple[Worker, float]]
"""Workers that are to ask again, each with the seconds that it has waited."""


@dataclass
class Endings(Generic[Worker]):
    """The ledger of a sweep with several workers.

    Args:
        folder: where it is written down, for a later sweep, if this one is killed, and for other drivers:
            `<results>/endings/ledger`.
    """

    folder: Path | None = None
    _made: dict[Place, Made] = field(default_factory=dict)
    _makers: dict[Place, tuple[Worker, float]] = field(default_factory=dict)
    _waiting: dict[Worker, tuple[Place, float]] = field(default_factory=dict)

    def claim(self, worker: Worker, place: Place) -> Message | None:
        """The answer to a worker that asks for a training; None if it has to wait for the worker that is making it.

        An answer without a digest means: make it. One with `steps` means: continue it from there.
        """
        made = self._made.get(place) or self._written(place)
        if made and made.steps is None:
            return vars(made)
        if place in self._makers:
            self._waiting[worker] = place, time.monotonic()
            return None
        self._makers[place] = worker, time.monotonic() - (made.seconds if made else 0.0)
        return vars(made) if made else {}

    def made(self, worker: Worker, place: Place, digest: str, steps: int | None = None) -> Waited[Worker]:
        """Note a training, or the first steps of one, unless the digest is empty.

        From a worker that has not claimed it, this has no effect.
        """
        maker, since = self._makers.get(place, (None, 0.0))
        if maker != worker:
            return []
        if digest:
            self._made[place] = Made(digest, time.monotonic() - since, steps)
            self._write(place)
        return self._drop({place}) if steps is None else []

    def _write(self, place: Place) -> None:
        if self.folder:
            with suppress(OSError):  # a disk that is full: this sweep knows it, a later one trains again
                results = self.folder.parent.parent  # one that has vanished is not begun anew
                write(json.dumps(vars(self._made[place])).encode(), self.folder / _name(place), within=results)

    def _written(self, place: Place) -> Made | None:
        """What an earlier sweep, or another driver, has written down of a training."""
        if self.folder is None:
            return None
        if made := _read(self.folder / _name(place)):
            self._made[place] = made
        return made

    def ended(self, worker: Worker) -> Waited[Worker]:
        """Drop the claims of a worker that has ended."""
        self._waiting.pop(worker, None)
        return self._drop({place for place, (maker, _) in self._makers.items() if maker == worker})

    def waits(self, worker: Worker) -> bool:
        """Whether a worker waits for the training of another."""
        return worker in self._waiting

    def _drop(self, places: set[Place]) -> Waited[Worker]:
        for place in places:
            del self._makers[place]
        free = {worker: since for worker, (place, since) in self._waiting.items() if place in places}
        for worker in free:
            del self._waiting[worker]
        return [(worker, time.monotonic() - since) for worker, since in free.items()]


@dataclass(frozen=True)
class AskedLedger:
    """The ledger as a worker sees it: it asks the process that leads."""

    channel: Channel

    def claim(self, name: str) -> Made | None:
        while True:
            self.channel.send(claim=name)
            answer: Message = self.channel.receive()
            if not answer.get("again"):
                return Made(**answer) if answer.get("digest") else None

    def made(self, name: str, digest: str, steps: int | None = None) -> None:
        self.channel.send(made=name, digest=digest, steps=steps)


def written(folder: Path) -> set[tuple[str, int | None]]:
    """The trainings in a ledger: their names, each with the steps that were made; None if it is whole."""
    return {(file.stem, made.steps) for file in folder.glob("*.json") if (made := _read(file))}


def _read(file: Path) -> Made | None:
    """What a file of a ledger says; None if it is gone, or damaged."""
    try:
        return Made(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _name(place: Place) -> str:
    """The file of a training in the ledger."""
    return hashlib.sha256(" ".join(place).encode()).hexdigest() + ".json"
