"""Which trainings of a sweep were made, as the process that leads it knows it (`benchmark.training.shared_trainings`).

A worker asks before every training that others may have made. Origins share nothing with one another: what a plug-in of
one distribution says of a training is believed for cells of the same distribution alone.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from benchmark.sweep.channel import Channel, Message
from benchmark.training.shared_trainings import Made

Worker = TypeVar("Worker", bound=Hashable)

Place = tuple[str, str]
"""The origin of a plug-in, and the name of a training."""

Waited = list[tuple[Worker, float]]
"""Workers that are to ask again, each with the seconds that it has waited."""


@dataclass
class Endings(Generic[Worker]):
    """The ledger of a sweep with several workers."""

    _made: dict[Place, Made] = field(default_factory=dict)
    _makers: dict[Place, tuple[Worker, float]] = field(default_factory=dict)
    _waiting: dict[Worker, tuple[Place, float]] = field(default_factory=dict)

    def claim(self, worker: Worker, place: Place) -> Message | None:
        """What to answer a worker that asks for a training; None if it has to wait for the worker that is making it.

        An answer without a digest means: make it.
        """
        if made := self._made.get(place):
            return {"digest": made.digest, "seconds": made.seconds}
        if place in self._makers:
            self._waiting[worker] = place, time.monotonic()
            return None
        self._makers[place] = worker, time.monotonic()
        return {}

    def made(self, worker: Worker, place: Place, digest: str) -> Waited[Worker]:
        """Note a training, unless the digest is empty. From a worker that has not claimed it, this has no effect."""
        maker, since = self._makers.get(place, (None, 0.0))
        if maker != worker:
            return []
        if digest:
            self._made[place] = Made(digest, time.monotonic() - since)
        return self._drop({place})

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
                return Made(answer["digest"], answer["seconds"]) if answer.get("digest") else None

    def made(self, name: str, digest: str) -> None:
        self.channel.send(made=name, digest=digest)
